"""List the failures of a job: its failed tasks in groups, as far as they are known now."""

from datetime import timedelta

from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.failure_groups import FailureGroups
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.group_failures import group_failed_tasks, known_failures

LOOK_LIMIT = timedelta(seconds=20)
"""How long the files of failed tasks are looked at for one answer."""


async def list_failures(ports: Ports, job_id: str) -> FailureGroups:
    """Return the groups of the failed tasks. Raise JobNotFoundError.

    In a job that has succeeded, only a FinalizeTask may have failed, which nobody has missed.
    """
    record = (await ports.jobs.load(job_id)).value
    if not record.in_batch or record.state is JobState.SUCCEEDED:
        return FailureGroups()
    known = await known_failures(ports, record)
    if known.is_complete:
        return known.groups
    try:
        tasks = [task async for task in ports.batch.list_tasks(record.job_id, failed=True)]
    except ServiceNotFoundError:  # the Batch job was deleted
        return known.groups
    return await group_failed_tasks(ports, record, tasks, LOOK_LIMIT, is_over=record.state.is_final)
