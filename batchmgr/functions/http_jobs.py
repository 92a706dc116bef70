"""HTTP triggers for jobs: accept, list, cancel."""

import asyncio
import logging
from collections.abc import Sequence

import azure.functions as func
from msgspec.structs import replace

from batchmgr.errors import ServiceError
from batchmgr.functions.http_bodies import read_job
from batchmgr.functions.http_responses import (
    RETRY_AFTER,
    api_base,
    json_response,
    number,
    page_token,
)
from batchmgr.functions.http_routes import Route, bind
from batchmgr.functions.job_queries import FILTERS, is_metadata, job_query, selected
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.request_limits import MAX_JOBS
from batchmgr.model.traceparent import HEADER
from batchmgr.plan.ids import id_from_key, time_ordered_id
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.steps.check_job import check_job
from batchmgr.steps.command_warnings import command_warnings
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.find_jobs import find_jobs
from batchmgr.wire.job_answers import JOB_FIELDS, accepted, job_list
from batchmgr.wire.plan_preview import Problem

logger = logging.getLogger(__name__)


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
    """`GET /jobs`: a page of jobs, the newest first."""
    limit, token = number(req, "limit", 50, least=1, most=MAX_JOBS), page_token(req)
    query, fields = job_query(req), selected(req, JOB_FIELDS)
    records, after = await find_jobs(ports, query, limit, token)
    asked = {name: text for name, text in req.params.items() if name in FILTERS or is_metadata(name)}
    following = {**asked, "limit": limit, "after": after} if after else {}
    return json_response(job_list(records, api_base(req), following, fields))


async def cancel_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /jobs/{jobId}/cancel`: cancel a job."""
    record = await cancel(ports, req.route_params["jobId"])
    return json_response(accepted(record, api_base(req)), 202, RETRY_AFTER)


ROUTES = (
    Route(method="POST", path="jobs", handler=create_job),
    Route(method="GET", path="jobs", handler=list_jobs),
    Route(method="POST", path="jobs/{jobId}/cancel", handler=cancel_job),
)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of these routes. Callers need a function key."""
    return bind(runtime, ROUTES)
