"""Queue trigger: a callback that was put off is tried again."""

import azure.functions as func

from batchmgr.adapters.storage_queues import CALLBACKS
from batchmgr.bootstrap import Runtime
from batchmgr.settings import STORAGE
from batchmgr.usecases.deliver import deliver
from batchmgr.wire.job_message import JobReference, decode


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The queue trigger on callbacks."""
    functions = func.Blueprint()

    @functions.queue_trigger(
        arg_name="message", queue_name=CALLBACKS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def deliver_callback(message: func.QueueMessage) -> None:
        reference = decode(message.get_body(), JobReference)
        await deliver(await runtime.ports(), reference.stored_job_id)

    return functions
