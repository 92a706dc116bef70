"""The surface of the service: every operation there is."""

from typing import Final

from batchmgr.local.fakebatch.operations import (
    job_schedules,
    jobs,
    nodes,
    pool_scaling,
    pools,
    task_files,
    tasks,
)

OPERATIONS: Final = (
    *pools.OPERATIONS,
    *pool_scaling.OPERATIONS,
    *nodes.OPERATIONS,
    *jobs.OPERATIONS,
    *job_schedules.OPERATIONS,
    *tasks.OPERATIONS,
    *task_files.OPERATIONS,
)
