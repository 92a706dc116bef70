"""Keeps the dead letters of a job in step with its record: one for each callback that was given up.

The record is saved first. Whoever closes the job keeps the letters then, so that none is forgotten.
"""

from batchmgr.model.dead_letter import callback_letter, callback_letter_id
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.receivers import host_of, statuses
from batchmgr.ports import Ports


async def forget_letters(ports: Ports, record: JobRecord) -> None:
    """Remove the letters of a job of which nothing is kept."""
    for key, status in statuses(record).items():
        if status.given_up_at is not None:
            await ports.dead_letters.remove(callback_letter_id(record.job_id, key, status))


async def keep_letters(ports: Ports, record: JobRecord) -> None:
    """Keep a letter for each callback that was given up; remove that of one that was delivered since."""
    for key, status in statuses(record).items():
        if status.given_up_at is None:
            continue
        if status.state is CallbackState.DEAD:
            await ports.dead_letters.add(callback_letter(record.job_id, key, host_of(record, key), status))
        elif status.state is CallbackState.DELIVERED:
            await ports.dead_letters.remove(callback_letter_id(record.job_id, key, status))
