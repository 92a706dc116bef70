"""Ownership: a Batch job of the right id is touched only if batchmgr made it, for this very content."""

from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports


async def find_own_job(ports: Ports, record: JobRecord) -> BatchJob | None:
    """The Batch job that was made for this record, or None: it isn't there, or it is somebody else's."""
    try:
        batch_job = await ports.batch.get_job(record.job_id)
    except ServiceNotFoundError:
        return None
    return batch_job if batch_job.digest == record.digest else None


async def terminate_own_job(ports: Ports, record: JobRecord, reason: str) -> None:
    """End the Batch job that was made for this record, if there is one."""
    if await find_own_job(ports, record) is not None:
        await ports.batch.terminate_job(record.job_id, reason)
