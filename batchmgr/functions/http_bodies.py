"""The bodies of HTTP requests: a job message, or a reference to one that was uploaded."""

import azure.functions as func

from batchmgr.errors import InvalidJobError
from batchmgr.ports import Ports
from batchmgr.steps.read_request import read_upload
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.queue_message import UPLOADED, UploadReference, decode_request


class BodyTooLargeError(InvalidJobError):
    """A body that is larger than the app takes. It says what to do instead."""


async def read_job(ports: Ports, req: func.HttpRequest) -> JobMessage:
    """Return the job message of a request. Raise InvalidJobError, which names the field."""
    body = req.get_body()
    if len(body) > ports.body_limit:
        raise BodyTooLargeError(
            f"the body has {len(body)} bytes, more than the {ports.body_limit} that this app takes "
            "(BATCHMGR_BODY_LIMIT_MIB). Send a larger job in three steps: POST /api/uploads, PUT the job "
            f'message to the uploadUri in the answer, and send {{"{UPLOADED}": …}} as the answer shows it'
        )
    request = decode_request(body)
    return await read_upload(ports.uploads, request) if isinstance(request, UploadReference) else request
