"""Timer trigger: active jobs are polled. Queue trigger: callbacks that were put off are delivered."""

import azure.functions as func

from batchmgr.adapters.storage_queues import CALLBACKS
from batchmgr.bootstrap import Runtime
from batchmgr.settings import STORAGE
from batchmgr.usecases.delivery import deliver
from batchmgr.usecases.polling import poll
from batchmgr.wire.job_message import JobReference, decode


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The timer, and the queue trigger on callbacks."""
    functions = func.Blueprint()

    @functions.timer_trigger(arg_name="timer", schedule="%BATCHMGR_POLL_SCHEDULE%", use_monitor=False)
    async def poll_jobs(timer: func.TimerRequest) -> None:
        await poll(await runtime.ports())

    @functions.queue_trigger(
        arg_name="message", queue_name=CALLBACKS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def deliver_callback(message: func.QueueMessage) -> None:
        reference = decode(message.get_body(), JobReference)
        await deliver(await runtime.ports(), reference.stored_job_id)

    return functions
