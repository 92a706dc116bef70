"""Queue trigger for job requests: accept the job of a message, and submit it."""

import logging
from functools import partial

import azure.functions as func

from batchmgr.adapters.queue_names import JOB_REQUESTS
from batchmgr.errors import InvalidJobError, JobConflictError, JobNotFoundError
from batchmgr.functions.time_limit import time_limit
from batchmgr.model.size_limits import MESSAGE
from batchmgr.model.telemetry_names import LogLine
from batchmgr.plan.cut_text import cut
from batchmgr.plan.ids import id_from_message
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE
from batchmgr.steps.known_job import KnownJob
from batchmgr.steps.obstacles import attempt
from batchmgr.steps.read_request import read_request
from batchmgr.usecases.accept import accept
from batchmgr.usecases.admit import admit
from batchmgr.usecases.refuse import refuse
from batchmgr.usecases.submit import submit
from batchmgr.wire.queue_message import JobReference

logger = logging.getLogger(__name__)


async def take_request(ports: Ports, body: bytes, fallback_id: str) -> None:
    """Accept and submit the job of one queue message. A message that can't be used is refused, not raised.

    `fallback_id` is the job id of a message that has no `jobId`.
    """
    try:
        known = KnownJob()
        job_id = await _accept(ports, body, fallback_id, known)
        if await attempt(ports, job_id, "check", partial(admit, known=known)):
            await attempt(ports, job_id, "submit", partial(submit, known=known))
    except InvalidJobError as error:
        if await refuse(ports, body, error, fallback_id):
            logger.warning("job request rejected: %s", cut(str(error), MESSAGE))
        else:
            await ports.queue.dead_letter_request(body)
            _log_kept(error)
    except (JobConflictError, JobNotFoundError) as error:
        await ports.queue.dead_letter_request(body)
        _log_kept(error)


def _log_kept(error: Exception) -> None:
    why = cut(str(error), MESSAGE)
    logger.warning("job request kept in the poison queue: %s", why, extra=LogLine.MESSAGE_KEPT.attributes)


async def _accept(ports: Ports, body: bytes, fallback_id: str, known: KnownJob) -> str:
    """Accept the job, unless it is stored, and return its id. Its plan is checked later: that takes time."""
    message = await read_request(ports, body)
    if isinstance(message, JobReference):
        return message.stored_job_id
    job_id = message.job_id or fallback_id
    return (await accept(ports, job_id, message, is_checked=False, known=known)).job_id


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    # Binary, because of a text the host would take properties such as `id` for those of the queue message.
    @functions.queue_trigger(
        arg_name="message", queue_name=JOB_REQUESTS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def submit_job(message: func.QueueMessage) -> None:
        async with time_limit():
            await take_request(await runtime.ports(), message.get_body(), id_from_message(str(message.id)))

    return functions
