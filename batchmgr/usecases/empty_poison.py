"""Empty the poison queues: give what was lost another chance, and say what can't be used.

The Functions host moves a message there after it has failed too often, even if it never reached batchmgr: a
host without a worker answers every invocation with an error. batchmgr itself keeps messages there that it
has refused. What to do with a message follows from its content and the job's record alone, so this may be
repeated.

| message | what happens to it |
| --- | --- |
| a job request without a record | it goes back to its queue |
| a job request whose job has a record, or that names a finalize or callback of such a job | it is removed |
| a job request that can't be used | its job is rejected; it stays if nobody would find that job |
| a job request for the id of another job, a callback that was given up, anything else | it stays |

Of each message that stays there is a dead letter, with the reason.
"""

import logging
from datetime import timedelta
from enum import Enum

from batchmgr.errors import InvalidJobError, JobConflictError, JobNotFoundError
from batchmgr.model.dead_letter import message_letter
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.receivers import statuses
from batchmgr.model.telemetry_names import LogLine
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.plan.ids import id_from_message
from batchmgr.ports import Ports
from batchmgr.queue_ports import PoisonMessage, PoisonQueue
from batchmgr.steps.read_request import read_request
from batchmgr.usecases.accept import accept
from batchmgr.usecases.refuse import refuse
from batchmgr.wire.json_codec import decode_object
from batchmgr.wire.message_text import json_text
from batchmgr.wire.queue_message import JobReference, decode_finalize, decode_reference

logger = logging.getLogger(__name__)

GIVEN_UP = "the callback was given up"


class _Verdict(Enum):
    KEEP = "kept"
    REMOVE = "removed"
    PUT_BACK = "put back"


async def empty_poison_queues(ports: Ports) -> None:
    """Decide on each message in the poison queues. An error with one queue does not stop the others."""
    for queue in PoisonQueue:
        try:
            for message in await ports.poison.undecided(queue):
                await _handle(ports, message)
        except Exception:
            logger.exception("the queue %s could not be emptied; the next poll tries again", queue)


async def _handle(ports: Ports, message: PoisonMessage) -> None:
    verdict, why = await _decide(ports, message)
    letter = message_letter(message.queue, message.id, message.inserted_at, why)
    if verdict is _Verdict.KEEP:
        about = LogLine.MESSAGE_KEPT.attributes
        logger.warning("message %s stays in %s: %s", message.id, message.queue, why, extra=about)
        if why != GIVEN_UP:  # that has a dead letter of its own
            await ports.dead_letters.add(letter)
        await ports.poison.keep(message)
        return
    if verdict is _Verdict.PUT_BACK:
        await ports.poison.put_back(message)
    await ports.dead_letters.remove(letter.id)  # it may have been kept before
    await ports.poison.remove(message)
    logger.warning("message %s of %s is %s: %s", message.id, message.queue, verdict.value, why)


async def _decide(ports: Ports, message: PoisonMessage) -> tuple[_Verdict, str]:
    match message.queue:
        case PoisonQueue.REQUESTS:
            return await _decide_request(ports, message)
        case PoisonQueue.CALLBACKS:
            return await _decide_callback(ports, message)
        case PoisonQueue.FINALIZE:
            return await _finalize_again(ports, _named_by_finalize(message))
        case PoisonQueue.BLOBS:
            return await _finalize_again(ports, _named_by_blob(message))


async def _decide_request(ports: Ports, message: PoisonMessage) -> tuple[_Verdict, str]:
    fallback_id = id_from_message(message.id)
    try:
        request = await read_request(ports, message.body)
    except InvalidJobError as error:
        is_found = await refuse(ports, message.body, error, fallback_id)
        return (_Verdict.REMOVE if is_found else _Verdict.KEEP), str(error)
    if isinstance(request, JobReference):
        return await _decide_reference(ports, request.stored_job_id)
    record = await _load(ports, request.job_id) if request.job_id else None
    if record is None:
        return _Verdict.PUT_BACK, "it was never handled"
    try:
        await accept(ports, record.job_id, request, is_checked=False)
    except JobConflictError as error:
        return _Verdict.KEEP, str(error)
    return _Verdict.REMOVE, f"job {record.job_id} is known"


async def _decide_reference(ports: Ports, job_id: str) -> tuple[_Verdict, str]:
    if await _load(ports, job_id) is not None:
        return _Verdict.REMOVE, f"job {job_id} is known, and the poller continues it"
    try:
        await ports.jobs.load_request(job_id)
    except JobNotFoundError:
        return _Verdict.KEEP, f"there is no job {job_id!r}"
    return _Verdict.PUT_BACK, f"job {job_id} has no record"


async def _decide_callback(ports: Ports, message: PoisonMessage) -> tuple[_Verdict, str]:
    try:
        job_id = decode_reference(message.body).stored_job_id
    except InvalidJobError as error:
        return _Verdict.KEEP, str(error)
    record = await _load(ports, job_id)
    if record is None:
        return _Verdict.KEEP, f"there is no job {job_id!r}"
    if any(status.state is CallbackState.DEAD for status in statuses(record).values()):
        return _Verdict.KEEP, GIVEN_UP
    return _Verdict.REMOVE, f"job {job_id} is known, and the poller continues it"


async def _finalize_again(ports: Ports, job_id: str) -> tuple[_Verdict, str]:
    if not job_id:
        return _Verdict.KEEP, "it is not batchmgr's"
    record = await _load(ports, job_id)
    if record is None or record.state.is_final:
        return _Verdict.REMOVE, f"job {job_id} has ended, or does not exist"
    await ports.queue.enqueue_finalize(record.job_id, 0, timedelta(0))
    return _Verdict.REMOVE, f"job {job_id} is finalized again"


def _named_by_finalize(message: PoisonMessage) -> str:
    try:
        return decode_finalize(message.body).stored_job_id
    except InvalidJobError:
        return ""


def _named_by_blob(message: PoisonMessage) -> str:
    """Return the job of a finalize blob. Blobs of other functions are in the same poison queue."""
    try:
        value = decode_object(json_text(message.body)) or {}
    except InvalidJobError:
        return ""
    container, name = value.get("ContainerName"), value.get("BlobName")
    if container != FINALIZE_CONTAINER or not isinstance(name, str):
        return ""
    return name.removesuffix(".json")


async def _load(ports: Ports, job_id: str) -> JobRecord | None:
    try:
        return (await ports.jobs.load(job_id)).value
    except JobNotFoundError:
        return None
