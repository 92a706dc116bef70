"""HTTP triggers for jobs: accept, list, follow, cancel."""

import asyncio
import logging
from collections.abc import Sequence

import azure.functions as func
from msgspec.structs import replace

from batchmgr.errors import NOT_A_PAGE, InvalidQueryError, ServiceError, ServiceRefusedError
from batchmgr.functions.http_bodies import read_job
from batchmgr.functions.http_responses import (
    RETRY_AFTER,
    api_base,
    json_response,
    number,
    page_token,
)
from batchmgr.functions.http_routes import Route, bind
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.request_limits import MAX_EVENTS, MAX_JOBS, MAX_TASKS
from batchmgr.model.size_limits import MAX_PAGE, size_of
from batchmgr.model.traceparent import HEADER
from batchmgr.plan.ids import id_from_key, time_ordered_id
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.steps.check_job import check_job
from batchmgr.steps.command_warnings import command_warnings
from batchmgr.steps.line import place_in_line
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.wake import wake
from batchmgr.wire.job_answers import accepted, event_list, job, job_list, outcome, task_list
from batchmgr.wire.plan_preview import Problem

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 1000
TASK_STATES = ("active", "preparing", "running", "completed")


async def create_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /jobs`: accept a job, and have it submitted.

    `Location` is 202 until the job has ended: a client that follows it, as clients do after a 202, waits.
    """
    message = await read_job(ports, req)
    key = req.headers.get("idempotency-key", "")
    job_id = message.job_id or (
        id_from_key(key) if key else time_ordered_id(ports.clock.now(), ports.clock.randomness())
    )
    message = replace(message, traceparent=message.traceparent or req.headers.get(HEADER, ""))
    plan = await check_job(ports, job_id, message)
    warnings = await asyncio.to_thread(command_warnings, message, plan)
    return await answer_accepted(ports, req, await accept(ports, job_id, message, plan), warnings)


async def answer_accepted(
    ports: Ports, req: func.HttpRequest, record: JobRecord, warnings: Sequence[Problem] = ()
) -> func.HttpResponse:
    """Have a job submitted that was accepted, unless it is under way, and say where to follow it."""
    if record.state is JobState.QUEUED:
        await _enqueue(ports, record.job_id)
    reply = accepted(record, api_base(req), warnings)
    return json_response(reply, 202, {"Location": reply.result_uri, **RETRY_AFTER})


async def _enqueue(ports: Ports, job_id: str) -> None:
    try:
        await ports.queue.enqueue_submission(job_id)
    except ServiceError as error:  # the job is stored and active: the poller enqueues it again
        logger.error("job %s is not enqueued yet: %s", job_id, error)


async def list_jobs(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs`: a page of jobs, in order of their ids."""
    limit, token = number(req, "limit", 50, least=1, most=MAX_JOBS), page_token(req)
    try:
        records, after = await ports.jobs.list_records(limit, token)
    except ServiceRefusedError as error:  # all of the request to storage but the token is batchmgr's own
        if token and error.status == 400:
            raise InvalidQueryError(NOT_A_PAGE, name="after") from error
        raise
    return json_response(job_list(records, api_base(req), limit, after))


async def get_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}`: one job as it is now."""
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    await wake(ports, record)
    headers = None if record.state.is_final else RETRY_AFTER
    place = await place_in_line(ports, record)
    return json_response(job(record, api_base(req), place), headers=headers)


async def get_result(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/result`: 202 until the job has ended, then 200 with its outcome."""
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    await wake(ports, record)
    if record.state.is_final:
        return json_response(outcome(record))
    location = {"Location": f"{api_base(req)}/jobs/{record.job_id}/result"}
    return json_response(accepted(record, api_base(req)), 202, {**location, **RETRY_AFTER})


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


async def list_events(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /jobs/{jobId}/events`: the job's events after a sequence number."""
    after = number(req, "after", 0, least=0, most=10**10)
    limit = number(req, "limit", 1000, least=1, most=MAX_EVENTS)
    record = (await ports.jobs.load(req.route_params["jobId"])).value
    return json_response(event_list(await _event_page(ports, record.job_id, after, limit), after))


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


async def cancel_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /jobs/{jobId}/cancel`: cancel a job."""
    record = await cancel(ports, req.route_params["jobId"])
    return json_response(accepted(record, api_base(req)), 202, RETRY_AFTER)


ROUTES = (
    Route(method="POST", path="jobs", handler=create_job),
    Route(method="GET", path="jobs", handler=list_jobs),
    Route(method="GET", path="jobs/{jobId}", handler=get_job),
    Route(method="GET", path="jobs/{jobId}/result", handler=get_result),
    Route(method="GET", path="jobs/{jobId}/tasks", handler=list_tasks),
    Route(method="GET", path="jobs/{jobId}/events", handler=list_events),
    Route(method="POST", path="jobs/{jobId}/cancel", handler=cancel_job),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
