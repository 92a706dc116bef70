"""Reruns use the files of the job before them: these stay as long as such a rerun is active."""

from batchmgr.errors import JobNotFoundError, NotPossibleError
from batchmgr.model.job_record_parts import FilesUse
from batchmgr.model.retention import LONGEST_START, with_uses
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load, retry_on_conflict


async def goes_on(ports: Ports, use: FilesUse) -> bool:
    """Return whether the job that uses files is active, or was asked for just now."""
    try:
        return not (await ports.jobs.load(use.job_id)).value.state.is_final
    except JobNotFoundError:
        return ports.clock.now() - use.since < LONGEST_START


@retry_on_conflict
async def hold_files(ports: Ports, job_id: str, user: str) -> None:
    """Note with a job that another one uses its files. If it is gone, tasks that need them will say so.

    Raise NotPossibleError if it is being deleted.
    """
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        return
    if job.value.purge is not None:
        raise NotPossibleError(job_id, "is being deleted, and its files with it.")
    others = [use for use in job.value.used_by if use.job_id != user and await goes_on(ports, use)]
    uses = [*others, FilesUse(job_id=user, since=ports.clock.now())]
    await ports.jobs.save(with_uses(job.value, uses), job.etag)
