"""Queue trigger: a job request becomes a job, and the job is submitted."""

import logging

import azure.functions as func

from batchmgr.adapters.storage_queues import JOB_REQUESTS
from batchmgr.bootstrap import Runtime
from batchmgr.errors import InvalidJobError, JobConflictError, JobNotFoundError
from batchmgr.plan.ids import id_from_message
from batchmgr.ports import Ports
from batchmgr.settings import STORAGE
from batchmgr.usecases.accept import accept, check
from batchmgr.usecases.refuse import refuse
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobReference, decode_queue_message

logger = logging.getLogger(__name__)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The queue trigger on job requests."""
    functions = func.Blueprint()

    # Binary: of a text, the host would take properties such as `id` for the message's own.
    @functions.queue_trigger(
        arg_name="message", queue_name=JOB_REQUESTS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def submit_job(message: func.QueueMessage) -> None:
        await take(await runtime.ports(), message.get_body(), id_from_message(str(message.id)))

    return functions


async def take(ports: Ports, body: bytes, fallback_id: str) -> None:
    """Accept and submit what one message of the queue asks for. What can't be is refused, not raised."""
    try:
        message = decode_queue_message(body)
        if isinstance(message, JobReference):
            job_id = message.stored_job_id
        else:
            job_id = message.job_id or fallback_id
            await check(ports, job_id, message)
            job_id = (await accept(ports, job_id, message)).job_id
        await submit(ports, job_id)
    except InvalidJobError as error:
        told = await refuse(ports, body, error, fallback_id)
        logger.warning("job request refused (%s): %s", "rejected" if told else "kept as poison", error)
    except (JobConflictError, JobNotFoundError) as error:
        await ports.queue.keep_poison(body)
        logger.warning("job request kept as poison: %s", error)
