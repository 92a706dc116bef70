"""The place of a job in the list of jobs: among the active ones, and from its end on among those like it.

The record decides. An entry is written before the record is created, and again before a job that has ended is
taken from the index of active jobs: so whoever dies in between, the poller does it again. What is left over,
`repair_list` removes.
"""

from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports


async def list_ended(ports: Ports, record: JobRecord) -> None:
    """Move a job that has ended from the active ones to those that have ended like it."""
    entry = JobEntry.of(record)
    await ports.listing.add(entry)
    await ports.listing.remove(entry.moved_to(ListPart.ACTIVE))


async def unlist(ports: Ports, record: JobRecord) -> None:
    """Remove a job from the list."""
    entry = JobEntry.of(record)
    for part in {ListPart.ACTIVE, entry.part}:
        await ports.listing.remove(entry.moved_to(part))
