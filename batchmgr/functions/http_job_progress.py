"""HTTP triggers that tell how far a job is: its state, its events, its result. Each can wait for news."""

from contextlib import aclosing

import azure.functions as func
import msgspec

from batchmgr.functions.http_responses import JSON, RETRY_AFTER, api_base, json_response, number
from batchmgr.functions.http_routes import Route, bind
from batchmgr.functions.long_polls import etag_of, knows, wait_of
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.request_limits import MAX_EVENTS
from batchmgr.model.size_limits import MAX_PAGE, size_of
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.steps.follow import follow
from batchmgr.steps.line import place_in_line
from batchmgr.steps.webhook_statuses import statuses_of
from batchmgr.usecases.wake import wake
from batchmgr.wire.job_answers import accepted, event_list, job, outcome

EVENTS_AT_ONCE = 1000


async def get_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}`: one job as it is now, or as soon as it is another than the caller knows."""
    wait, answer = wait_of(req), func.HttpResponse(status_code=304)
    async with aclosing(follow(ports, req.route_params["jobId"], wait.time)) as jobs:
        async for found in jobs:
            if not wait.time:
                await wake(ports, found.value)
            answer = await _job_answer(ports, req, found.value, wait.headers)
            if answer.status_code != 304:
                return answer
    if wait.time:  # its place in the line and the statuses of its webhooks are not in its record
        answer = await _job_answer(ports, req, found.value, wait.headers)
    return answer


async def _job_answer(
    ports: Ports, req: func.HttpRequest, record: JobRecord, headers: dict[str, str]
) -> func.HttpResponse:
    """Return the answer about a job: without a body, and with the status 304, if the caller knows it."""
    place, webhooks = await place_in_line(ports, record), await statuses_of(ports, record)
    body = msgspec.json.encode(job(record, api_base(req), place, webhooks))
    headers = {**headers, "ETag": etag_of(body), **({} if record.state.is_final else RETRY_AFTER)}
    if knows(req, headers["ETag"]):
        return func.HttpResponse(status_code=304, headers=headers)
    return func.HttpResponse(body, headers=headers, mimetype=JSON)


async def get_result(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/result`: 202 until the job has ended, then 200 with its outcome."""
    wait = wait_of(req)
    async with aclosing(follow(ports, req.route_params["jobId"], wait.time)) as jobs:
        async for found in jobs:
            record = found.value
            if record.state.is_final:
                return json_response(outcome(record), headers=wait.headers)
            if not wait.time:
                await wake(ports, record)
    headers = {"Location": f"{api_base(req)}/jobs/{record.job_id}/result", **RETRY_AFTER, **wait.headers}
    return json_response(accepted(record, api_base(req)), 202, headers)


async def list_events(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/events`: the job's events after a sequence number, as soon as there are some."""
    after = number(req, "after", 0, least=0, most=10**10)
    limit = number(req, "limit", 1000, least=1, most=MAX_EVENTS)
    wait, events, is_read = wait_of(req), list[Event](), False
    async with aclosing(follow(ports, req.route_params["jobId"], wait.time)) as jobs:
        async for found in jobs:
            record = found.value
            if not is_read or record.last_event > after:
                events, is_read = await _event_page(ports, record.job_id, after, limit), True
            if events or record.told_state.is_final:
                break
    return json_response(event_list(events, after, record.told_state), headers=wait.headers)


async def _event_page(ports: Ports, job_id: str, after: int, limit: int) -> list[Event]:
    """Return the events above `after` that fit into an answer."""
    events: list[Event] = []
    room = MAX_PAGE
    while len(events) < limit:
        most = min(EVENTS_AT_ONCE, limit - len(events))
        some = await ports.events.read(job_id, after, most)
        for event in some:
            room -= size_of(event)
            if room < 0 and events:
                return events
            events.append(event)
        if len(some) < most:
            break
        after = int(events[-1].sequence)
    return events


ROUTES = (
    Route(method="GET", path="jobs/{jobId}", handler=get_job),
    Route(method="GET", path="jobs/{jobId}/result", handler=get_result),
    Route(method="GET", path="jobs/{jobId}/events", handler=list_events),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
