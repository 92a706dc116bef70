"""The surface of the service: every operation there is."""

from typing import Final

from fakebatch.operations import (
    account,
    applications,
    job_schedules,
    jobs,
    node_access,
    node_files,
    nodes,
    pool_scaling,
    pools,
    task_files,
    tasks,
)

OPERATIONS: Final = (
    *account.OPERATIONS,
    *applications.OPERATIONS,
    *pools.OPERATIONS,
    *pool_scaling.OPERATIONS,
    *nodes.OPERATIONS,
    *node_access.OPERATIONS,
    *node_files.OPERATIONS,
    *jobs.OPERATIONS,
    *job_schedules.OPERATIONS,
    *tasks.OPERATIONS,
    *task_files.OPERATIONS,
)
