"""HTTP trigger that runs a job again."""

import azure.functions as func

from batchmgr.errors import InvalidJobError
from batchmgr.functions.http_jobs import answer_accepted
from batchmgr.functions.http_routes import Route, bind
from batchmgr.model.traceparent import HEADER
from batchmgr.plan.ids import id_from_key, is_valid_id
from batchmgr.plan.task_rules import ID_RULE
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.rerun import rerun
from batchmgr.wire.rerun_request import decode_rerun


async def rerun_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /jobs/{jobId}/rerun`: accept a new job of the failed tasks, and have it submitted."""
    request = decode_rerun(req.get_body())
    if request.job_id and not is_valid_id(request.job_id):
        raise InvalidJobError(ID_RULE, field="jobId")
    job_id, key = req.route_params["jobId"], req.headers.get("idempotency-key", "")
    new_id = id_from_key(f"rerun of {job_id.lower()}: {key}") if key else ""
    record = await rerun(ports, job_id, request, new_id=new_id, traceparent=req.headers.get(HEADER, ""))
    return await answer_accepted(ports, req, record)


ROUTES = (Route(method="POST", path="jobs/{jobId}/rerun", handler=rerun_job),)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of this route. Callers need a function key."""
    return bind(runtime, ROUTES)
