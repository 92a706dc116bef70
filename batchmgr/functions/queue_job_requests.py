"""Queue trigger for job requests: accept the job of a message, and submit it."""

import logging

import azure.functions as func

from batchmgr.adapters.storage_queues import JOB_REQUESTS
from batchmgr.bootstrap import Runtime
from batchmgr.errors import InvalidJobError, JobConflictError, JobNotFoundError
from batchmgr.plan.ids import id_from_message
from batchmgr.ports import Ports
from batchmgr.settings import STORAGE
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.accept import accept, check
from batchmgr.usecases.refuse import refuse
from batchmgr.usecases.submit import submit
from batchmgr.wire.queue_message import JobReference, decode_queue_message

logger = logging.getLogger(__name__)


async def take_request(ports: Ports, body: bytes, fallback_id: str) -> None:
    """Accept and submit the job of one queue message. A message that can't be used is refused, not raised.

    `fallback_id` is the job id of a message that has no `jobId`.
    """
    try:
        message = decode_queue_message(body)
        if isinstance(message, JobReference):
            job_id = message.stored_job_id
        else:
            job_id = message.job_id or fallback_id
            await check(ports, job_id, message)
            job_id = (await accept(ports, job_id, message)).job_id
        await attempt(ports, job_id, "submit", submit)
    except InvalidJobError as error:
        is_recorded = await refuse(ports, body, error, fallback_id)
        where = "rejected" if is_recorded else "sent to the poison queue"
        logger.warning("job request %s: %s", where, error)
    except (JobConflictError, JobNotFoundError) as error:
        await ports.queue.dead_letter_request(body)
        logger.warning("job request sent to the poison queue: %s", error)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    # Binary, because of a text the host would take properties such as `id` for those of the queue message.
    @functions.queue_trigger(
        arg_name="message", queue_name=JOB_REQUESTS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def submit_job(message: func.QueueMessage) -> None:
        await take_request(await runtime.ports(), message.get_body(), id_from_message(str(message.id)))

    return functions
