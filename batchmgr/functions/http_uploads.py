"""HTTP trigger for uploads: where to put a job message that is too large for a request or the queue."""

from datetime import timedelta

import azure.functions as func

from batchmgr.functions.http_responses import json_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.plan.ids import time_ordered_id
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.wire.queue_message import UPLOADED

LIFETIME = timedelta(hours=1)
"""How long a job message can be uploaded."""


async def create_upload(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /uploads`: return a URL to upload a job message to, and the message that then names it."""
    now = ports.clock.now()
    name = time_ordered_id(now, ports.clock.randomness())
    body = {
        "uploadUri": await ports.uploads.grant(name, LIFETIME),
        "method": "PUT",
        "headers": {"x-ms-blob-type": "BlockBlob"},
        "expiresAt": now + LIFETIME,
        "message": {UPLOADED: name},
    }
    return json_response(body, 201, {"Cache-Control": "no-store"})


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the uploads. Callers need a function key."""
    return bind(runtime, [Route(method="POST", path="uploads", handler=create_upload)])
