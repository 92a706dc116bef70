"""HTTP trigger: whether batchmgr can do its work, without a key and without secrets in the answer."""

from collections.abc import Awaitable

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.errors import BatchmgrError, ServiceNotFoundError
from batchmgr.functions.http_responses import answer
from batchmgr.ports import Ports
from batchmgr.settings import SettingsError

PROBE = "batchmgr-health-probe"


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The health check."""
    functions = func.Blueprint()

    @functions.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def get_health(req: func.HttpRequest) -> func.HttpResponse:
        try:
            ports = await runtime.ports()
        except BatchmgrError as error:
            what = "settings" if isinstance(error, SettingsError) else "storage"
            return answer({"status": "unhealthy", "checks": {what: str(error)}}, 503)
        checks = {"storage": await _check(_storage(ports)), "batch": await _check(_batch(ports))}
        healthy = all(state == "ok" for state in checks.values())
        body = {
            "status": "healthy" if healthy else "unhealthy",
            "checks": checks,
            "workloads": list(ports.workloads.names()),
        }
        return answer(body, 200 if healthy else 503)

    return functions


async def _check(probe: Awaitable[None]) -> str:
    try:
        await probe
    except BatchmgrError as error:
        return str(error)
    return "ok"


async def _storage(ports: Ports) -> None:
    await ports.jobs.list_records(1, "")


async def _batch(ports: Ports) -> None:
    try:
        await ports.batch.get_job(PROBE)
    except ServiceNotFoundError:
        return
