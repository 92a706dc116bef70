"""Operations on pools."""

from typing import Any, Final

from fakebatch.bodies import pool_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import stored_pool as pools
from fakebatch.operations.operation import Operation, Service
from fakebatch.store import PoolRecord
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, answer_list, select
from fakebatch.wire.operation_request import Call, check_conditions
from fakebatch.wire.operation_response import Answer


def _found(service: Service, call: Call) -> PoolRecord:
    record = service.engine.store.pool(call.ids["poolId"])
    check_conditions(call, record.pool.last_modified)
    return record


async def create(service: Service, call: Call) -> Answer:
    """Create a pool; its nodes follow."""
    pool = add_pool(service, call.json())
    return responses.created(f"{call.base}/pools/{pool.id}", pool.last_modified)


def add_pool(service: Service, body: object) -> pools.Pool:
    """Add the pool a request body describes. Raises BatchError."""
    spec = bodies.accept_pool(body)
    if spec["id"] in service.engine.store.pools:
        raise BatchError("PoolExists")
    if len(service.engine.store.pools) >= service.quotas().pools:
        raise BatchError("PoolQuotaReached")
    service.engine.applications.check(spec.get("applicationPackageReferences", ()))
    return service.engine.add_pool(spec)


async def get(service: Service, call: Call) -> Answer:
    """Show a pool."""
    record = _found(service, call)
    view = bodies.pool_view(record.pool, record.nodes, call.base)
    return responses.entity(call, "pools", select(call, view), record.pool.last_modified)


async def exists(service: Service, call: Call) -> Answer:
    """Tell whether a pool exists."""
    return responses.stamped(200, _found(service, call).pool.last_modified)


async def list_all(service: Service, call: Call) -> Answer:
    """List the pools."""
    shelf = service.engine.store.pools
    listing = Listing(
        fragment="pools",
        ids=shelf.ids,
        fetch=lambda pool_id: shelf[pool_id].pool,
        fields=bodies.POOL_FIELDS,
        view=lambda pool: bodies.pool_view(pool, shelf[pool.id].nodes, call.base),
    )
    return answer_list(call, listing)


async def patch(service: Service, call: Call) -> Answer:
    """Replace some properties of a pool."""
    record = _found(service, call)
    return _respecify(service, call, record, bodies.accept_patch(call.json()), 200)


async def replace_properties(service: Service, call: Call) -> Answer:
    """Replace the properties of a pool that can change while it has nodes; those not given are cleared."""
    record = _found(service, call)
    return _respecify(service, call, record, bodies.accept_replacement(call.json()), 204)


def _respecify(
    service: Service, call: Call, record: PoolRecord, changes: dict[str, Any], status: int
) -> Answer:
    service.engine.applications.check(changes.get("applicationPackageReferences") or ())
    record.pool = pools.respecified(record.pool, changes, service_clock.now())
    return responses.changed(call, status, record.pool.last_modified)


async def resize(service: Service, call: Call) -> Answer:
    """Change the number of nodes of a pool."""
    record = _found(service, call)
    targets, deallocation = bodies.accept_resize(call.json())
    if record.pool.spec["enableAutoScale"]:
        reason = "The pool cannot be resized while automatic scaling is enabled."
        raise BatchError("OperationNotValidOnPool", Reason=reason)
    record.pool = pools.resized(record.pool, targets, service_clock.now(), deallocation)
    service.engine.wake()
    return responses.changed(call, 202, record.pool.last_modified)


async def stop_resize(service: Service, call: Call) -> Answer:
    """Leave a pool with the nodes it has now. One that is steady stays as it is."""
    record = _found(service, call)
    service.engine.fleet.stop_resize(record)
    return responses.changed(call, 202, record.pool.last_modified)


async def remove_nodes(service: Service, call: Call) -> Answer:
    """Take certain nodes out of a pool."""
    record = _found(service, call)
    service.engine.fleet.remove_nodes(record, *bodies.accept_removal(call.json()))
    return responses.changed(call, 202, record.pool.last_modified)


async def delete(service: Service, call: Call) -> Answer:
    """Remove a pool; the tasks that run on it are queued again."""
    record = _found(service, call)
    record.pool = pools.deleted(record.pool, service_clock.now())
    service.engine.wake()
    return Answer(status=202)


OPERATIONS: Final = (
    Operation("POST", "/pools", create),
    Operation("GET", "/pools", list_all),
    Operation("GET", "/pools/{poolId}", get),
    Operation("HEAD", "/pools/{poolId}", exists),
    Operation("PATCH", "/pools/{poolId}", patch),
    Operation("DELETE", "/pools/{poolId}", delete),
    Operation("POST", "/pools/{poolId}/updateproperties", replace_properties),
    Operation("POST", "/pools/{poolId}/resize", resize),
    Operation("POST", "/pools/{poolId}/stopresize", stop_resize),
    Operation("POST", "/pools/{poolId}/removenodes", remove_nodes),
)
