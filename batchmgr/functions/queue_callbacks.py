"""Queue trigger for callbacks: have one tried again that an earlier attempt could not deliver.

The workers deliver it. The trigger does not wait for them, since a receiver may hang.
"""

import logging

import azure.functions as func

from batchmgr.adapters.queue_names import CALLBACKS
from batchmgr.errors import InvalidJobError, JobNotFoundError
from batchmgr.functions.time_limit import time_limit
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.deliver import resume_delivery
from batchmgr.wire.queue_message import decode_reference

logger = logging.getLogger(__name__)


async def retry_callback(ports: Ports, body: bytes) -> None:
    """Start the delivery that the message asks for. A message that can't be used is dropped."""
    try:
        await attempt(ports, decode_reference(body).stored_job_id, "call back for", resume_delivery)
    except (InvalidJobError, JobNotFoundError) as error:
        logger.error("message dropped from %s: %s", CALLBACKS, error)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    @functions.queue_trigger(
        arg_name="message", queue_name=CALLBACKS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def deliver_callback(message: func.QueueMessage) -> None:
        async with time_limit():
            await retry_callback(await runtime.ports(), message.get_body())

    return functions
