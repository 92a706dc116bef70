"""Queue trigger for polls: the instances of the app share the active jobs if there are many."""

import logging

import azure.functions as func

from batchmgr.adapters.queue_names import POLLS
from batchmgr.errors import InvalidJobError
from batchmgr.functions.time_limit import time_limit
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE
from batchmgr.usecases.poll import poll_for_long, poll_some
from batchmgr.wire.queue_message import decode_poll

logger = logging.getLogger(__name__)


async def poll_share(ports: Ports, body: bytes) -> None:
    """Poll the jobs that the message names. A message that can't be used is dropped."""
    try:
        request = decode_poll(body)
    except InvalidJobError as error:
        logger.error("message dropped from %s: %s", POLLS, error)
        return
    if request.long_poll_of:
        await poll_for_long(ports, request.long_poll_of)
    await poll_some(ports, request.jobs)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the queue trigger."""
    functions = func.Blueprint()

    @functions.queue_trigger(
        arg_name="message", queue_name=POLLS, connection=STORAGE, data_type=func.DataType.BINARY
    )
    async def poll_more_jobs(message: func.QueueMessage) -> None:
        async with time_limit():
            await poll_share(await runtime.ports(), message.get_body())

    return functions
