"""HTTP trigger that deletes a job."""

import azure.functions as func

from batchmgr.functions.http_responses import RETRY_AFTER, json_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.purge import purge


async def delete_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`DELETE /jobs/{jobId}`: delete everything of a job that has ended.

    204 if it is gone, 202 if Azure Batch is still deleting its part: then send the request again.
    """
    job_id = req.route_params["jobId"]
    if await purge(ports, job_id):
        return func.HttpResponse(status_code=204)
    return json_response({"jobId": job_id, "isDeleted": False}, 202, RETRY_AFTER)


ROUTES = (Route(method="DELETE", path="jobs/{jobId}", handler=delete_job),)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the route. Callers need a function key."""
    return bind(runtime, ROUTES)
