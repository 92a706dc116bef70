"""HTTP trigger for previews: what a job would be, before anything runs."""

import azure.functions as func
import msgspec

from batchmgr.functions.http_bodies import read_job
from batchmgr.functions.http_responses import json_response, number
from batchmgr.functions.http_routes import Route, bind
from batchmgr.plan.ids import id_from_key
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.usecases.preview import UNNAMED, PreviewPorts, preview


async def plan_job(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`POST /plan`: preview a job. Nothing is stored, sent or created."""
    limit = number(req, "tasks", 10, least=0, most=1000)
    message = await read_job(ports, req)
    key = req.headers.get("idempotency-key", "")
    job_id = message.job_id or (id_from_key(key) if key else UNNAMED)
    view = PreviewPorts(
        storage=ports.storage,
        workloads=ports.workloads,
        threads=ports.threads,
        default_pool_id=ports.default_pool_id,
        check_callback=ports.callbacks.check,
        containers=ports.containers,
        keep_streams=ports.keep_streams,
    )
    return json_response(msgspec.to_builtins(await preview(view, job_id, message, limit)))


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the preview. Callers need a function key."""
    return bind(runtime, [Route(method="POST", path="plan", handler=plan_job)])
