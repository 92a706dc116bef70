"""Operations on nodes."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies import node_bodies as bodies
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.model.node_load import TaskOnNode
from fakebatch.operations.operation import Handler, Operation, Service
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import operation_response as responses
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse

_COUNT_FIELDS: Final[Mapping[str, Field[StoredPool]]] = {
    "poolId": Field("text", lambda record: record.pool.id)
}


def _found(service: Service, request: OperationRequest) -> tuple[StoredPool, NodeEntity]:
    return service.engine.store.node(request.ids["poolId"], request.ids["nodeId"])


def _view(service: Service, record: StoredPool, node: NodeEntity, base: str) -> dict[str, Any]:
    recent = [_recent_view(service, node, ran, base) for ran in node.load.recent_tasks]
    return bodies.node_view(node, record.pool, base, [view for view in recent if view is not None])


def _recent_view(service: Service, node: NodeEntity, ran: TaskOnNode, base: str) -> dict[str, Any] | None:
    """Return the JSON of a task that a node ran, or None if it was deleted or now runs on another node."""
    job_id, task_id, number = ran
    record = service.engine.store.jobs.get(job_id)
    task = None if record is None else record.tasks.get(task_id)
    if record is None or task is None:
        return None
    subtasks = record.subtasks.get(task_id.lower(), [])
    subtask = subtasks[number - 1] if 0 < number <= len(subtasks) else None
    placement = task.placement if number == 0 else subtask and subtask.placement
    if not placement or placement.node_id != node.id:
        return None
    return bodies.recent_task_view(job_id, task, subtask, base)


def _done(request: OperationRequest, status: int) -> OperationResponse:
    return OperationResponse(status=status, headers={"DataServiceId": f"{request.base}{request.path}"})


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the nodes of a pool."""
    record = service.engine.store.pool(request.ids["poolId"])
    listing = Listing(
        fragment="nodes",
        ids=record.nodes.ids,
        fetch=record.nodes.__getitem__,
        fields=bodies.NODE_FIELDS,
        view=lambda node: _view(service, record, node, request.base),
    )
    return list_response(request, listing)


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get a node."""
    record, node = _found(service, request)
    return responses.value(
        request, "nodes/@Element", select(request, _view(service, record, node, request.base))
    )


def _phase_request(phase: Phase) -> Handler:
    async def handle(service: Service, request: OperationRequest) -> OperationResponse:
        """Reboot, reimage or deallocate a node. The request says what happens to its tasks."""
        record, node = _found(service, request)
        service.engine.pool_nodes.start_transition(
            record, node, phase, bodies.accept_option(phase, request.json())
        )
        return _done(request, 202)

    return handle


async def start(service: Service, request: OperationRequest) -> OperationResponse:
    """Start a deallocated node."""
    service.engine.pool_nodes.start(*_found(service, request))
    return _done(request, 202)


async def disable_scheduling(service: Service, request: OperationRequest) -> OperationResponse:
    """Disable scheduling on a node: it gets no more tasks."""
    record, node = _found(service, request)
    option = bodies.accept_option("offline", request.json())
    service.engine.pool_nodes.set_scheduling(record, node, enabled=False, option=option)
    return _done(request, 200)


async def enable_scheduling(service: Service, request: OperationRequest) -> OperationResponse:
    """Enable scheduling on a node: it gets tasks again."""
    record, node = _found(service, request)
    service.engine.pool_nodes.set_scheduling(record, node, enabled=True)
    return _done(request, 200)


async def counts(service: Service, request: OperationRequest) -> OperationResponse:
    """Count the nodes of each pool in each state."""
    shelf = service.engine.store.pools
    listing = Listing(
        fragment="poolnodecounts",
        ids=shelf.ids,
        fetch=shelf.__getitem__,
        fields=_COUNT_FIELDS,
        view=lambda record: bodies.counts_view(record.pool, record.nodes),
    )
    return list_response(request, listing)


OPERATIONS: Final = (
    Operation("GET", "/pools/{poolId}/nodes", list_all),
    Operation("GET", "/pools/{poolId}/nodes/{nodeId}", get),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/reboot", _phase_request("rebooting")),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/reimage", _phase_request("reimaging")),
    Operation(
        "POST",
        "/pools/{poolId}/nodes/{nodeId}/deallocate",
        _phase_request("deallocating"),
        since="2024-07-01",
    ),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/start", start, since="2024-07-01"),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/disablescheduling", disable_scheduling),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/enablescheduling", enable_scheduling),
    Operation("GET", "/nodecounts", counts),
)
