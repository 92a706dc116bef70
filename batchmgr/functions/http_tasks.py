"""HTTP triggers for the tasks of a job."""

import azure.functions as func

from batchmgr.errors import InvalidQueryError, ServiceNotFoundError
from batchmgr.functions.http_responses import api_base, json_response, number, page_token
from batchmgr.functions.http_routes import Route, bind
from batchmgr.functions.job_queries import selected, words
from batchmgr.model.request_limits import MAX_TASKS
from batchmgr.model.task_query import TASK_STATES, TaskQuery
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.find_tasks import find_task, find_tasks
from batchmgr.usecases.read_timeline import read_timeline
from batchmgr.wire.job_answers import TASK_FIELDS, task_answer, task_list
from batchmgr.wire.timeline_answer import timeline_answer

FILTERS = ("state", "exitCode", "error", "kind", "node", "select")
LARGEST_EXIT_CODE = 2**31 - 1


async def list_tasks(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/tasks`: a page of the tasks as Azure Batch has them now."""
    limit, token = number(req, "limit", MAX_TASKS, least=1, most=MAX_TASKS), page_token(req)
    query, fields = _task_query(req), selected(req, TASK_FIELDS)
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    if not record.in_batch:
        return json_response({"tasks": []})
    tasks, after = await find_tasks(ports, record, query, limit, token)
    asked = {name: req.params[name] for name in FILTERS if req.params.get(name)}
    following = {**asked, "limit": limit, "after": after} if after else {}
    uri = f"{api_base(req)}/jobs/{record.job_id}/tasks"
    return json_response(task_list(tasks, uri, following, fields))


async def get_task(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/tasks/{taskId}`: one task as Azure Batch has it now."""
    record, task_id = (await ports.jobs.load(req.route_params["jobId"])).value, req.route_params["taskId"]
    if not record.in_batch:
        raise ServiceNotFoundError("the job is not in Azure Batch yet", status=404)
    return json_response(task_answer(await find_task(ports, record, task_id)))


async def get_timeline(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/timeline`: when the tasks have run, and where, as columns."""
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    timeline = await read_timeline(ports, record)
    return json_response(timeline_answer(record, timeline, ports.clock.now()))


def _task_query(req: func.HttpRequest) -> TaskQuery:
    return TaskQuery(
        states=words(req, "state", TASK_STATES),
        exit_code=_exit_code(req),
        error=req.params.get("error", ""),
        kind=req.params.get("kind", ""),
        node=req.params.get("node", ""),
    )


def _exit_code(req: func.HttpRequest) -> int | None:
    text = req.params.get("exitCode", "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 12 and int(digits) <= LARGEST_EXIT_CODE):
        raise InvalidQueryError("must be a whole number, such as 1 or -9", name="exitCode")
    return int(text)


ROUTES = (
    Route(method="GET", path="jobs/{jobId}/tasks", handler=list_tasks),
    Route(method="GET", path="jobs/{jobId}/tasks/{taskId}", handler=get_task),
    Route(method="GET", path="jobs/{jobId}/timeline", handler=get_timeline),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
