"""HTTP triggers: jobs are taken, followed and cancelled."""

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.errors import InvalidJobError
from batchmgr.functions.http_responses import answer, answering, api_base, number, problem_answer
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import id_from_key, time_ordered_id
from batchmgr.usecases.accept import accept, check
from batchmgr.usecases.cancel import cancel
from batchmgr.wire.job_answers import accepted, event_list, job, job_list, outcome, task_list
from batchmgr.wire.job_message import decode_job

MAX_BODY = 64 * 1024 * 1024
RETRY_AFTER = {"Retry-After": "5"}
TASK_STATES = ("active", "preparing", "running", "completed")


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The HTTP API of jobs, by function key."""
    functions = func.Blueprint()

    @functions.route("jobs", methods=["POST"])
    @answering
    async def create_job(req: func.HttpRequest) -> func.HttpResponse:
        body = req.get_body()
        if len(body) > MAX_BODY:
            return problem_answer(
                413, "The job can't be accepted", f"the body is larger than {MAX_BODY} bytes"
            )
        ports = await runtime.ports()
        message = decode_job(body)
        key = req.headers.get("idempotency-key", "")
        job_id = message.job_id or (
            id_from_key(key) if key else time_ordered_id(ports.clock.now(), ports.clock.randomness())
        )
        await check(ports, job_id, message)
        record = await accept(ports, job_id, message)
        if record.state is JobState.QUEUED:
            await ports.queue.request_submission(record.job_id)
        reply = accepted(record, api_base(req))
        return answer(reply, 202, {"Location": reply["statusUri"], **RETRY_AFTER})

    @functions.route("jobs", methods=["GET"])
    @answering
    async def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
        limit = number(req, "limit", 50, least=1, most=500)
        ports = await runtime.ports()
        records, after = await ports.jobs.list_records(limit, req.params.get("after", ""))
        return answer(job_list(records, api_base(req), limit, after))

    @functions.route("jobs/{jobId}", methods=["GET"])
    @answering
    async def get_job(req: func.HttpRequest) -> func.HttpResponse:
        ports = await runtime.ports()
        found = await ports.jobs.load(req.route_params["jobId"])
        headers = None if found.value.state.is_final else RETRY_AFTER
        return answer(job(found.value, api_base(req)), headers=headers)

    @functions.route("jobs/{jobId}/result", methods=["GET"])
    @answering
    async def get_result(req: func.HttpRequest) -> func.HttpResponse:
        ports = await runtime.ports()
        record = (await ports.jobs.load(req.route_params["jobId"])).value
        if record.state.is_final:
            return answer(outcome(record))
        location = {"Location": f"{api_base(req)}/jobs/{record.job_id}/result"}
        return answer(accepted(record, api_base(req)), 202, {**location, **RETRY_AFTER})

    @functions.route("jobs/{jobId}/tasks", methods=["GET"])
    @answering
    async def list_tasks(req: func.HttpRequest) -> func.HttpResponse:
        state = req.params.get("state", "")
        if state and state not in TASK_STATES:
            raise InvalidJobError(f"must be one of {', '.join(TASK_STATES)}", field="state")
        ports = await runtime.ports()
        record = (await ports.jobs.load(req.route_params["jobId"])).value
        if not record.in_batch:
            return answer(task_list([]))
        return answer(task_list([task async for task in ports.batch.list_tasks(record.job_id, state=state)]))

    @functions.route("jobs/{jobId}/events", methods=["GET"])
    @answering
    async def list_events(req: func.HttpRequest) -> func.HttpResponse:
        after = number(req, "after", 0, least=0, most=10**10)
        limit = number(req, "limit", 1000, least=1, most=10_000)
        ports = await runtime.ports()
        record = (await ports.jobs.load(req.route_params["jobId"])).value
        return answer(event_list(await ports.events.read(record.job_id, after, limit), after))

    @functions.route("jobs/{jobId}/cancel", methods=["POST"])
    @answering
    async def cancel_job(req: func.HttpRequest) -> func.HttpResponse:
        record = await cancel(await runtime.ports(), req.route_params["jobId"])
        return answer(accepted(record, api_base(req)), 202, RETRY_AFTER)

    return functions
