"""The control API: JSON over HTTP, by which tests inject faults.

| request | effect |
|---|---|
| `POST /rules` | adds a rule; returns 201 and the rule |
| `GET /rules` | lists the rules; `met` counts the requests it matched, `struck` those it applied to |
| `POST /preemptions` `{"poolId": "hpc", "nodes": 1}` | preempts spot nodes of a pool; returns their ids |
| `POST /restorations` `{"poolId": "hpc"}` | replaces the preempted nodes of a pool; returns their ids |
| `DELETE /rules`, `DELETE /rules/{id}` | removes all rules, or one |

A rule has a `fault`. It may have an `operation` (default `*`), which is the name of a method of the Python
client or a pattern of names; a `probability` (default 1); a `count`, the most requests it applies to; and a
`seed` (default 0), which makes its choices repeatable. The faults and their properties:

| fault | what happens |
|---|---|
| `latency` | the request waits for `seconds` |
| `error` | the request is refused with `status` or `code`, and `retryAfter` seconds if given |
| `cut` | the connection is closed `when` nothing was done (`before`) or all was (`after`, the default) |
| `slow` | the body of the response arrives at `bytesPerSecond` |
| `capacity` | a `pool` (`*`) gets at most `nodes`; its next resize ends with a resize error of this `code` |
| `quotas` | the account has these `activeJobs`, `pools`, `dedicatedCores` and `lowPriorityCores` |
| `countsLag` | the task counts of a job are those of `seconds` ago |
| `countsOff` | the task counts are wrong by `active`, `running`, `completed`, `succeeded`, `failed` |
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from fakebatch.bodies.property_schema import ObjectSchema, integer, optional, required, string
from fakebatch.engine import Engine
from fakebatch.errors import BatchError
from fakebatch.faults.fault_rules import FaultRules
from fakebatch.faults.request_faults import RequestFaults
from fakebatch.faults.task_count_history import TaskCountHistory
from fakebatch.pool_nodes import NodeLimit
from fakebatch.quotas import Quotas, core_limit, machine_count
from fakebatch.stored_pool import StoredPool

_PREEMPTION: Final = ObjectSchema(poolId=required(string), nodes=optional(integer(1), 1))
_RESTORATION: Final = ObjectSchema(poolId=required(string))
_QUOTAS: Final = {
    "activeJobs": "active_jobs",
    "pools": "pools",
    "dedicatedCores": "dedicated_cores",
    "lowPriorityCores": "low_priority_cores",
}


class FaultInjector:
    """The fault rules of a running service, applied to its requests and its nodes."""

    def __init__(self, engine: Engine, quotas: Quotas) -> None:
        self.rules = FaultRules()
        self._engine = engine
        self._quotas = quotas
        engine.pool_nodes.limit = self._limit
        self._history = TaskCountHistory(engine)

    def add(self, body: Any) -> dict[str, Any]:
        """Add a rule, and return it as shown to clients. Raises BatchError if it is invalid."""
        rule = self.rules.add(body)
        if rule.spec["fault"] == "countsLag":
            self._history.start_recording()
        return rule.view()

    def for_request(self, operation: str) -> RequestFaults:
        """Return the faults of the next request of an operation, and count it."""
        return RequestFaults(self.rules.apply_to(operation), self._history)

    def preempt(self, body: Any) -> list[str]:
        """Preempt spot nodes of a pool, and return their ids. Raises BatchError."""
        wanted = _PREEMPTION(body)
        return self._engine.pool_nodes.preempt(self._engine.store.pool(wanted["poolId"]), wanted["nodes"])

    def restore(self, body: Any) -> list[str]:
        """Replace the preempted nodes of a pool, and return their ids. Raises BatchError."""
        wanted = _RESTORATION(body)
        return self._engine.pool_nodes.restore(self._engine.store.pool(wanted["poolId"]))

    def quotas(self) -> Quotas:
        """Return the quotas of the account, with those that rules set."""
        return replace(self._quotas, **{_QUOTAS[name]: most for name, most in self.rules.quotas().items()})

    def _limit(self, record: StoredPool, dedicated: bool) -> NodeLimit | None:
        rule = self.rules.capacity(record.pool.id)
        if rule is not None:
            return NodeLimit(rule["nodes"] - machine_count(record), rule["code"])
        return core_limit(self.quotas(), self._engine.store, record, dedicated=dedicated)


def application(faults: FaultInjector) -> web.Application:
    """Return the control API as a web application."""

    async def add(request: web.Request) -> web.Response:
        return web.json_response(faults.add(await _json(request)), status=201)

    async def show(request: web.Request) -> web.Response:
        return web.json_response({"rules": [rule.view() for rule in faults.rules.all()]})

    async def clear(request: web.Request) -> web.Response:
        rule_id = request.match_info.get("id")
        faults.rules.clear(None if rule_id is None else int(rule_id))
        return web.Response(status=204)

    async def preempt(request: web.Request) -> web.Response:
        return web.json_response({"nodes": faults.preempt(await _json(request))})

    async def restore(request: web.Request) -> web.Response:
        return web.json_response({"nodes": faults.restore(await _json(request))})

    control = web.Application(middlewares=[_answer_errors])
    control.router.add_post("/rules", add)
    control.router.add_get("/rules", show)
    control.router.add_delete("/rules", clear)
    control.router.add_delete(r"/rules/{id:\d+}", clear)
    control.router.add_post("/preemptions", preempt)
    control.router.add_post("/restorations", restore)
    return control


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise BatchError("InvalidRequestBody", Reason=error) from error


@web.middleware
async def _answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except BatchError as error:
        body = {"code": error.code, "message": error.message, "values": error.values}
        return web.json_response(body, status=error.status)
