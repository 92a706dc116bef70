"""HTTP triggers for the tasks of a job."""

import azure.functions as func

from batchmgr.errors import InvalidQueryError
from batchmgr.functions.http_responses import api_base, json_response, number, page_token
from batchmgr.functions.http_routes import Route, bind
from batchmgr.model.request_limits import MAX_TASKS
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.wire.job_answers import task_list

TASK_STATES = ("active", "preparing", "running", "completed")


async def list_tasks(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/tasks`: a page of the tasks as Azure Batch has them now, read with one call."""
    limit = number(req, "limit", MAX_TASKS, least=1, most=MAX_TASKS)
    state, after = req.params.get("state", ""), page_token(req)
    if state and state not in TASK_STATES:
        raise InvalidQueryError(f"must be one of {', '.join(TASK_STATES)}", name="state")
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    if not record.in_batch:
        return json_response({"tasks": []})
    tasks, after = await ports.batch.task_page(record.job_id, state=state, limit=limit, token=after)
    query = {"state": state, "limit": limit, "after": after} if after else {}
    return json_response(task_list(tasks, f"{api_base(req)}/jobs/{record.job_id}/tasks", query))


ROUTES = (Route(method="GET", path="jobs/{jobId}/tasks", handler=list_tasks),)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
