"""HTTP triggers for the health check: its result, for everybody, and what is wrong, for callers with a key.

Whoever asks without a key costs little: the answer is ten seconds old, or all who ask share one look. There
are two routes, because a function that anybody may call isn't told whether a key that came along is right.
"""

import asyncio
from collections.abc import Awaitable, Callable

import azure.functions as func

from batchmgr.errors import BatchmgrError, ServiceNotFoundError, SettingsError
from batchmgr.functions.http_responses import json_response
from batchmgr.model.size_limits import MESSAGE
from batchmgr.plan.cut_text import cut
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime

Json = dict[str, object]

LIFETIME_SECONDS = 10.0
"""How old the status may be that everybody gets."""

UNHEALTHY = "unhealthy"
PROBE = "batchmgr-health-probe"
"""The id of a Batch job that does not exist. To ask for it shows whether Azure Batch answers."""


class Health:
    """What was seen when this process last looked, and who is looking now: all who ask meanwhile share it."""

    def __init__(self, open_ports: Callable[[], Awaitable[Ports]]) -> None:
        self._open_ports = open_ports
        self._looking: asyncio.Task[Json] | None = None
        self._seen_at = float("-inf")

    async def details(self) -> func.HttpResponse:
        """`GET /health/details`: look now. 200 if settings, storage and Azure Batch are usable, else 503.

        The body says what is wrong. Without the progress queue jobs go on: the app is only `degraded`.
        """
        return _answer(await self._look())

    async def status(self) -> func.HttpResponse:
        """`GET /health`: the status alone, as it was seen in the last ten seconds. It is for strangers."""
        return _answer({"status": (await self._look(LIFETIME_SECONDS))["status"]})

    async def _look(self, at_most_old: float = 0.0) -> Json:
        clock = asyncio.get_running_loop().time
        looking = self._looking
        if looking is None or (looking.done() and not clock() - self._seen_at < at_most_old):
            self._looking = looking = asyncio.create_task(look(self._open_ports))
            looking.add_done_callback(self._keep)
        return await asyncio.shield(looking)

    def _keep(self, looking: asyncio.Task[Json]) -> None:
        failed = looking.cancelled() or looking.exception() is not None
        self._seen_at = float("-inf") if failed else looking.get_loop().time()


async def look(open_ports: Callable[[], Awaitable[Ports]]) -> Json:
    """Try everything that jobs need, and return what is usable and what is wrong."""
    try:
        ports = await open_ports()
    except BatchmgrError as error:
        what = "settings" if isinstance(error, SettingsError) else "storage"
        return {"status": UNHEALTHY, "checks": {what: cut(str(error), MESSAGE)}}
    checks = {"storage": await _check(_storage(ports)), "batch": await _check(_batch(ports))}
    healthy = all(state == "ok" for state in checks.values())
    checks["progress"] = await _check(ports.sink.check())
    usable = "healthy" if checks["progress"] == "ok" else "degraded"
    seen: Json = {
        "status": usable if healthy else UNHEALTHY,
        "checks": checks,
        "workloads": list(ports.workloads.names()),
    }
    if poison := await _poison(ports):
        seen["poison"] = poison
    return seen


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the health check. Only its details need a function key."""
    functions, health = func.Blueprint(), Health(runtime.ports)

    @functions.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def get_health(req: func.HttpRequest) -> func.HttpResponse:
        return await health.status()

    @functions.route("health/details", methods=["GET"])
    async def get_health_details(req: func.HttpRequest) -> func.HttpResponse:
        return await health.details()

    return functions


def _answer(body: Json) -> func.HttpResponse:
    return json_response(body, 503 if body["status"] == UNHEALTHY else 200, {"Cache-Control": "no-store"})


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
    await ports.jobs.list_ids(1, "")


async def _batch(ports: Ports) -> None:
    try:
        await ports.batch.get_job(PROBE)
    except ServiceNotFoundError:
        return
