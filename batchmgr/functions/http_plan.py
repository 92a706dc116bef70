"""HTTP trigger: what a job would be, before anything runs."""

import azure.functions as func
import msgspec

from batchmgr.bootstrap import Runtime
from batchmgr.functions.http_jobs import MAX_BODY
from batchmgr.functions.http_responses import answer, answering, number, problem_answer
from batchmgr.plan.ids import id_from_key
from batchmgr.usecases.preview import UNNAMED, Surroundings, preview
from batchmgr.wire.job_message import decode_job


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The preview of jobs, by function key."""
    functions = func.Blueprint()

    @functions.route("plan", methods=["POST"])
    @answering
    async def plan_job(req: func.HttpRequest) -> func.HttpResponse:
        body = req.get_body()
        if len(body) > MAX_BODY:
            return problem_answer(
                413, "The job can't be planned", f"the body is larger than {MAX_BODY} bytes"
            )
        limit = number(req, "tasks", 10, least=0, most=1000)
        ports = await runtime.ports()
        message = decode_job(body)
        key = req.headers.get("idempotency-key", "")
        job_id = message.job_id or (id_from_key(key) if key else UNNAMED)
        around = Surroundings(
            storage=ports.storage,
            workloads=ports.workloads,
            default_pool_id=ports.default_pool_id,
            check_callback=ports.callbacks.check,
        )
        return answer(msgspec.to_builtins(await preview(around, job_id, message, limit)))

    return functions
