"""HTTP trigger for the usage and the cost of a job."""

import azure.functions as func

from batchmgr.functions.http_responses import json_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.wire.usage_answer import usage_answer


async def get_usage(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/usage`: what the tasks of a job have used that have ended, by their kind."""
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    return json_response(usage_answer(record.run.usage, ports.prices))


ROUTES = (Route(method="GET", path="jobs/{jobId}/usage", handler=get_usage),)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the route. Callers need a function key."""
    return bind(runtime, ROUTES)
