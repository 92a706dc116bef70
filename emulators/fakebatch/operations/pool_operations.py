"""Operations on pools."""

from typing import Any, Final

from fakebatch.bodies import pool_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import pool_entity as pools
from fakebatch.operations.operation import Operation, Service
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import OperationResponse


def _found(service: Service, request: OperationRequest) -> StoredPool:
    record = service.engine.store.pool(request.ids["poolId"])
    check_conditions(request, record.pool.last_modified)
    return record


async def create(service: Service, request: OperationRequest) -> OperationResponse:
    """Create a pool. Its nodes are created later."""
    pool = add_pool(service, request.json())
    return responses.created(f"{request.base}/pools/{pool.id}", pool.last_modified)


def add_pool(service: Service, body: object) -> pools.PoolEntity:
    """Add the pool that a request body describes. Raises BatchError."""
    spec = bodies.accept_pool(body)
    if spec["id"] in service.engine.store.pools:
        raise BatchError("PoolExists")
    if len(service.engine.store.pools) >= service.quotas().pools:
        raise BatchError("PoolQuotaReached")
    service.engine.applications.check(spec.get("applicationPackageReferences", ()))
    return service.engine.add_pool(spec)


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get a pool."""
    record = _found(service, request)
    view = bodies.pool_view(record.pool, record.nodes, request.base)
    return responses.entity(request, "pools", select(request, view), record.pool.last_modified)


async def exists(service: Service, request: OperationRequest) -> OperationResponse:
    """Check whether a pool exists."""
    return responses.stamped(200, _found(service, request).pool.last_modified)


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the pools."""
    shelf = service.engine.store.pools
    listing = Listing(
        fragment="pools",
        ids=shelf.ids,
        fetch=lambda pool_id: shelf[pool_id].pool,
        fields=bodies.POOL_FIELDS,
        view=lambda pool: bodies.pool_view(pool, shelf[pool.id].nodes, request.base),
    )
    return list_response(request, listing)


async def patch(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace some properties of a pool."""
    record = _found(service, request)
    return _respecify(service, request, record, bodies.accept_patch(request.json()), 200)


async def replace_properties(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace the properties of a pool that can change while it has nodes. Those not given are cleared."""
    record = _found(service, request)
    return _respecify(service, request, record, bodies.accept_replacement(request.json()), 204)


def _respecify(
    service: Service, request: OperationRequest, record: StoredPool, changes: dict[str, Any], status: int
) -> OperationResponse:
    service.engine.applications.check(changes.get("applicationPackageReferences") or ())
    record.pool = pools.with_properties(record.pool, changes, service_clock.now())
    return responses.changed(request, status, record.pool.last_modified)


async def resize(service: Service, request: OperationRequest) -> OperationResponse:
    """Change the number of nodes of a pool."""
    record = _found(service, request)
    targets, deallocation = bodies.accept_resize(request.json())
    if record.pool.spec["enableAutoScale"]:
        reason = "The pool cannot be resized while automatic scaling is enabled."
        raise BatchError("OperationNotValidOnPool", Reason=reason)
    record.pool = pools.resized(record.pool, targets, service_clock.now(), deallocation)
    service.engine.wake()
    return responses.changed(request, 202, record.pool.last_modified)


async def stop_resize(service: Service, request: OperationRequest) -> OperationResponse:
    """Stop a resize: the pool keeps the nodes it has now. A steady pool does not change."""
    record = _found(service, request)
    service.engine.pool_nodes.stop_resize(record)
    return responses.changed(request, 202, record.pool.last_modified)


async def remove_nodes(service: Service, request: OperationRequest) -> OperationResponse:
    """Remove the given nodes from a pool."""
    record = _found(service, request)
    service.engine.pool_nodes.remove_nodes(record, *bodies.accept_removal(request.json()))
    return responses.changed(request, 202, record.pool.last_modified)


async def delete(service: Service, request: OperationRequest) -> OperationResponse:
    """Delete a pool. The tasks that run on it are requeued."""
    record = _found(service, request)
    record.pool = pools.deleted(record.pool, service_clock.now())
    service.engine.wake()
    return OperationResponse(status=202)


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
