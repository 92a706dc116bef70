"""HTTP triggers for dead letters: list them, and send again what was given up of a job."""

import azure.functions as func

from batchmgr.functions.http_responses import (
    RETRY_AFTER,
    api_base,
    json_response,
    number,
    page_token,
)
from batchmgr.functions.http_routes import Route, bind
from batchmgr.model.request_limits import MAX_LETTERS
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.redrive import redrive
from batchmgr.wire.job_answers import accepted, dead_letter_list


async def list_dead_letters(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /dead-letters`: a page of what was given up or could not be used, the newest first."""
    limit, token = number(req, "limit", 50, least=1, most=MAX_LETTERS), page_token(req)
    letters, after = await ports.dead_letters.page(limit, token)
    return json_response(dead_letter_list(letters, api_base(req), limit, after))


async def redrive_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /jobs/{jobId}/redrive`: send again what was given up: callbacks, and events for webhooks."""
    record = await redrive(ports, req.route_params["jobId"])
    return json_response(accepted(record, api_base(req)), 202, RETRY_AFTER)


ROUTES = (
    Route(method="GET", path="dead-letters", handler=list_dead_letters),
    Route(method="POST", path="jobs/{jobId}/redrive", handler=redrive_job),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
