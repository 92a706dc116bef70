"""Queue trigger for callbacks: try again to deliver one that an earlier attempt could not."""

import azure.functions as func

from batchmgr.adapters.storage_queues import CALLBACKS
from batchmgr.bootstrap import Runtime
from batchmgr.ports import Ports
from batchmgr.settings import STORAGE
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.deliver import deliver
from batchmgr.wire.json_codec import decode
from batchmgr.wire.queue_message import JobReference


async def retry_callback(ports: Ports, body: bytes) -> None:
    """Deliver the callback of the job that the message refers to."""
    job_id = decode(body, JobReference).stored_job_id
    await attempt(ports, job_id, "call back for", deliver)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    @functions.queue_trigger(
        arg_name="message", queue_name=CALLBACKS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def deliver_callback(message: func.QueueMessage) -> None:
        await retry_callback(await runtime.ports(), message.get_body())

    return functions
