"""Queue trigger for jobs whose finalization has failed: try it again."""

import logging

import azure.functions as func

from batchmgr.adapters.queue_names import FINALIZE
from batchmgr.errors import InvalidJobError
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE
from batchmgr.usecases.finalize import finalize_or_retry
from batchmgr.wire.queue_message import decode_finalize

logger = logging.getLogger(__name__)


async def retry_finalize(ports: Ports, body: bytes) -> None:
    """Finalize the job that the message refers to. A message that can't be used is dropped."""
    try:
        reference = decode_finalize(body)
    except InvalidJobError as error:
        logger.error("message dropped from %s: %s", FINALIZE, error)
        return
    await finalize_or_retry(ports, reference.stored_job_id, reference.attempts)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    @functions.queue_trigger(
        arg_name="message", queue_name=FINALIZE, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def finalize_job_again(message: func.QueueMessage) -> None:
        await retry_finalize(await runtime.ports(), message.get_body())

    return functions
