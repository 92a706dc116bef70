"""From a message to the job in it, which may have been uploaded: too large to be sent (claim check)."""

import asyncio

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.model.request_limits import MAX_UPLOAD
from batchmgr.plan.ids import is_valid_id
from batchmgr.ports import Ports
from batchmgr.steps.check_message import check_message
from batchmgr.storage_ports import Uploads
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.wire.message_text import without_mark
from batchmgr.wire.queue_message import UPLOADED, JobReference, UploadReference, decode_queue_message


async def read_request(ports: Ports, body: bytes) -> JobMessage | JobReference:
    """Return the job in a message of the job request queue, or the reference to a stored one.

    Raise InvalidJobError for what is wrong with it, except for what only its plan shows.
    """
    message = decode_queue_message(body)
    if isinstance(message, JobReference):
        return message
    if isinstance(message, UploadReference):
        message = await read_upload(ports.uploads, message)
    await asyncio.to_thread(check_message, message, ports.callbacks.check)
    return message


async def read_upload(uploads: Uploads, reference: UploadReference) -> JobMessage:
    """Return the uploaded job message, with what the reference replaces. Raise InvalidJobError."""
    name = reference.uploaded_request
    body = await uploads.read(name, MAX_UPLOAD) if is_valid_id(name) else None
    if body is None:
        raise InvalidJobError(
            f"there is no upload {name!r}: ask POST /api/uploads for a URL, and PUT the message there first",
            field=UPLOADED,
        )
    message = await asyncio.to_thread(decode_job, without_mark(body))
    changes = {"job_id": reference.job_id, "call_back_uri": reference.call_back_uri}
    return replace(message, **{name: value for name, value in changes.items() if value})
