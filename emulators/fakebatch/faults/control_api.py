"""The control address: a JSON API by which tests say what goes wrong.

| request | effect |
|---|---|
| `POST /rules` | adds a rule and answers 201 with it |
| `GET /rules` | lists the rules, each with how many requests it has met and struck |
| `POST /preemptions` `{"poolId": "hpc", "nodes": 1}` | takes spot nodes from a pool; answers their ids |
| `POST /restorations` `{"poolId": "hpc"}` | gives a pool its preempted nodes back; answers their ids |
| `DELETE /rules`, `DELETE /rules/{id}` | removes all rules, or one |

A rule has a `fault`, and may have an `operation`, the name of a method of the Python client or a pattern of
names (`*`), a `probability` (1), a `count` of requests it strikes at most, and a `seed` (0), which makes its
choice repeatable. The faults and what they need:

| fault | what happens |
|---|---|
| `latency` | the request waits `seconds` |
| `error` | it is refused with `status` or `code`, and `retryAfter` seconds where given |
| `cut` | the connection is closed `when` nothing was done (`before`) or all was (`after`, the default) |
| `slow` | the answer comes at `bytesPerSecond` |
| `capacity` | a `pool` (`*`) gets no more than `nodes`: its next resize ends with an error of this `code` |
| `quotas` | those of the account are `activeJobs`, `pools`, `dedicatedCores` and `lowPriorityCores` |
| `countsLag` | the task counts of a job are those of `seconds` ago |
| `countsOff` | they are off by `active`, `running`, `completed`, `succeeded`, `failed` |
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from fakebatch.bodies.property_schema import ObjectSchema, integer, optional, required, string
from fakebatch.engine import Engine
from fakebatch.errors import BatchError
from fakebatch.faults.fault_rules import Rules
from fakebatch.faults.request_faults import Strike
from fakebatch.faults.task_count_history import CountsHistory
from fakebatch.pool_nodes import Limit
from fakebatch.quotas import Quotas, core_limit, nodes_there
from fakebatch.store import PoolRecord

_PREEMPTION: Final = ObjectSchema(poolId=required(string), nodes=optional(integer(1), 1))
_RESTORATION: Final = ObjectSchema(poolId=required(string))
_QUOTAS: Final = {
    "activeJobs": "active_jobs",
    "pools": "pools",
    "dedicatedCores": "dedicated_cores",
    "lowPriorityCores": "low_priority_cores",
}


class Faults:
    """The rules of a service, and what they do to its requests."""

    def __init__(self, engine: Engine, quotas: Quotas) -> None:
        self.rules = Rules()
        self._engine = engine
        self._quotas = quotas
        engine.fleet.limit = self._limit
        self._history = CountsHistory(engine)

    def add(self, body: Any) -> dict[str, Any]:
        """Add a rule. Raises BatchError for what it does not understand."""
        rule = self.rules.add(body)
        if rule.spec["fault"] == "countsLag":
            self._history.look()
        return rule.view()

    def strike(self, operation: str) -> Strike:
        """Return the faults of the next request of an operation."""
        return Strike(self.rules.struck(operation), self._history)

    def preempt(self, body: Any) -> list[str]:
        """Take spot nodes from a pool and return their ids. Raises BatchError."""
        wanted = _PREEMPTION(body)
        return self._engine.fleet.preempt(self._engine.store.pool(wanted["poolId"]), wanted["nodes"])

    def restore(self, body: Any) -> list[str]:
        """Give a pool the nodes back that were preempted and return their ids. Raises BatchError."""
        wanted = _RESTORATION(body)
        return self._engine.fleet.restore(self._engine.store.pool(wanted["poolId"]))

    def quotas(self) -> Quotas:
        """Return the quotas of the account as they are now."""
        return replace(self._quotas, **{_QUOTAS[name]: most for name, most in self.rules.quotas().items()})

    def _limit(self, record: PoolRecord, dedicated: bool) -> Limit | None:
        rule = self.rules.capacity(record.pool.id)
        if rule is not None:
            return Limit(rule["nodes"] - nodes_there(record), rule["code"])
        return core_limit(self.quotas(), self._engine.store, record, dedicated=dedicated)


def application(faults: Faults) -> web.Application:
    """Return the control address of a service."""

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
        told = {"code": error.code, "message": error.message, "values": error.values}
        return web.json_response(told, status=error.status)
