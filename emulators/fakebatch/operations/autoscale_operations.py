"""Operations on the automatic scaling of pools."""

from dataclasses import replace
from typing import Final

from fakebatch.bodies import autoscale_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import pool_entity as pools
from fakebatch.operations.operation import Operation, Service
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock, timestamps
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import OperationResponse

_PAUSE: Final = 30 * timestamps.PER_SECOND
"""The shortest time between two requests to enable automatic scaling on one pool."""


def _found(service: Service, request: OperationRequest) -> StoredPool:
    record = service.engine.store.pool(request.ids["poolId"])
    check_conditions(request, record.pool.last_modified)
    return record


async def enable(service: Service, request: OperationRequest) -> OperationResponse:
    """Enable automatic scaling: a formula sets the number of nodes of a pool."""
    record, now = _found(service, request), service_clock.now()
    settings = bodies.accept_enabling(request.json(), record.pool)
    pools.refuse_if_deleting(record.pool)
    if record.pool.allocation_state != "steady":
        raise BatchError("PoolBeingResized")
    last = record.pool.auto_scale_enabled_at
    if last is not None and now - last < _PAUSE:
        raise BatchError("TooManyEnableAutoScaleRequests")
    record.pool = replace(pools.with_properties(record.pool, settings, now), auto_scale_enabled_at=now)
    service.autoscaling.restart(record)
    return responses.changed(request, 200, record.pool.last_modified)


async def disable(service: Service, request: OperationRequest) -> OperationResponse:
    """Disable automatic scaling. The number of nodes of the pool stays as it is."""
    record = _found(service, request)
    changed = pools.with_properties(record.pool, {"enableAutoScale": False}, service_clock.now())
    kept = {name: shown for name, shown in changed.spec.items() if not name.startswith("autoScale")}
    record.pool = replace(changed, spec=kept, auto_scale_run=None)
    return responses.changed(request, 200, record.pool.last_modified)


async def evaluate(service: Service, request: OperationRequest) -> OperationResponse:
    """Evaluate a formula for a pool. The pool does not change."""
    record = _found(service, request)
    formula = bodies.accept_evaluation(request.json())
    if not record.pool.spec["enableAutoScale"]:
        reason = "Automatic scaling is not enabled on the pool."
        raise BatchError("OperationInvalidForCurrentState", Reason=reason)
    run = service.autoscaling.evaluate(record, formula)
    return responses.described(request, "AutoScaleRun", run.view())


OPERATIONS: Final = (
    Operation("POST", "/pools/{poolId}/enableautoscale", enable),
    Operation("POST", "/pools/{poolId}/disableautoscale", disable),
    Operation("POST", "/pools/{poolId}/evaluateautoscale", evaluate),
)
