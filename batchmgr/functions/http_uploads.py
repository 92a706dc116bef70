"""HTTP trigger for uploads: where to put an input, or a job message that is too large to be sent."""

from datetime import timedelta

import azure.functions as func

from batchmgr.functions.http_responses import json_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.plan.ids import time_ordered_id
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.grant_upload import grant_upload
from batchmgr.wire.queue_message import UPLOADED
from batchmgr.wire.upload_request import decode_upload

LIFETIME = timedelta(hours=1)
"""How long a link can be used."""

HOW = {"method": "PUT", "headers": {"x-ms-blob-type": "BlockBlob"}}
SECRET = {"Cache-Control": "no-store"}


async def create_upload(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /uploads`: return a URL to upload to.

    With a body: for an input, at the place that it names. Without one: for a job message, and the message
    that then names it.
    """
    if (request := decode_upload(req.get_body())) is not None:
        link = await grant_upload(ports, request.container, request.path, LIFETIME)
        return json_response({"uploadUri": link.uri, **HOW, "expiresAt": link.expires_at}, 201, SECRET)
    now = ports.clock.now()
    name = time_ordered_id(now, ports.clock.randomness())
    body = {
        "uploadUri": await ports.uploads.grant(name, LIFETIME),
        **HOW,
        "expiresAt": now + LIFETIME,
        "message": {UPLOADED: name},
    }
    return json_response(body, 201, SECRET)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the uploads. Callers need a function key."""
    return bind(runtime, [Route(method="POST", path="uploads", handler=create_upload)])
