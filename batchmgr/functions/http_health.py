"""HTTP trigger for the health check. It needs no key, and its answer holds no secret."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from batchmgr.errors import BatchmgrError, ServiceNotFoundError, SettingsError
from batchmgr.functions.http_responses import json_response
from batchmgr.model.size_limits import MESSAGE
from batchmgr.plan.cut_text import cut
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime

PROBE = "batchmgr-health-probe"
"""The id of a Batch job that does not exist. To ask for it shows whether Azure Batch answers."""


async def check_health(open_ports: Callable[[], Awaitable[Ports]]) -> func.HttpResponse:
    """`GET /health`: 200 if settings, storage and Azure Batch are usable, else 503 and what is wrong.

    Without the progress queue jobs go on: the app is only `degraded`.
    """
    try:
        ports = await open_ports()
    except BatchmgrError as error:
        what = "settings" if isinstance(error, SettingsError) else "storage"
        return json_response({"status": "unhealthy", "checks": {what: cut(str(error), MESSAGE)}}, 503)
    checks = {"storage": await _check(_storage(ports)), "batch": await _check(_batch(ports))}
    healthy = all(state == "ok" for state in checks.values())
    checks["progress"] = await _check(ports.sink.check())
    usable = "healthy" if checks["progress"] == "ok" else "degraded"
    body: dict[str, object] = {
        "status": usable if healthy else "unhealthy",
        "checks": checks,
        "workloads": list(ports.workloads.names()),
    }
    if poison := await _poison(ports):
        body["poison"] = poison
    return json_response(body, 200 if healthy else 503)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the health check."""
    functions = func.Blueprint()

    @functions.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def get_health(req: func.HttpRequest) -> func.HttpResponse:
        return await check_health(runtime.ports)

    return functions


async def _check(probe: Awaitable[None]) -> str:
    try:
        await probe
    except BatchmgrError as error:
        return cut(str(error), MESSAGE)
    return "ok"


async def _poison(ports: Ports) -> dict[str, int]:
    """Return how many messages lie in which poison queue, without empty ones. Unknown is none."""
    try:
        return dict(await ports.poison.counts())
    except BatchmgrError:
        return {}


async def _storage(ports: Ports) -> None:
    await ports.jobs.list_records(1, "")


async def _batch(ports: Ports) -> None:
    try:
        await ports.batch.get_job(PROBE)
    except ServiceNotFoundError:
        return
