"""Operations on nodes."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies import node_bodies as bodies
from fakebatch.model.node_load import TaskOnNode
from fakebatch.model.stored_node import Node, Phase
from fakebatch.operations.operation import Handler, Operation, Service
from fakebatch.store import PoolRecord
from fakebatch.wire import operation_response as responses
from fakebatch.wire.list_pages import Listing, answer_list, select
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import Call
from fakebatch.wire.operation_response import Answer

_COUNT_FIELDS: Final[Mapping[str, Field[PoolRecord]]] = {
    "poolId": Field("text", lambda record: record.pool.id)
}


def _found(service: Service, call: Call) -> tuple[PoolRecord, Node]:
    return service.engine.store.node(call.ids["poolId"], call.ids["nodeId"])


def _view(service: Service, record: PoolRecord, node: Node, base: str) -> dict[str, Any]:
    recent = [_recent_view(service, node, ran, base) for ran in node.load.recent_tasks]
    return bodies.node_view(node, record.pool, base, [view for view in recent if view is not None])


def _recent_view(service: Service, node: Node, ran: TaskOnNode, base: str) -> dict[str, Any] | None:
    """Return the view of a task a node ran; None if it is gone, or runs elsewhere by now."""
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


def _done(call: Call, status: int) -> Answer:
    return Answer(status=status, headers={"DataServiceId": f"{call.base}{call.path}"})


async def list_all(service: Service, call: Call) -> Answer:
    """List the nodes of a pool."""
    record = service.engine.store.pool(call.ids["poolId"])
    listing = Listing(
        fragment="nodes",
        ids=record.nodes.ids,
        fetch=record.nodes.__getitem__,
        fields=bodies.NODE_FIELDS,
        view=lambda node: _view(service, record, node, call.base),
    )
    return answer_list(call, listing)


async def get(service: Service, call: Call) -> Answer:
    """Show a node."""
    record, node = _found(service, call)
    return responses.value(call, "nodes/@Element", select(call, _view(service, record, node, call.base)))


def _sending(phase: Phase) -> Handler:
    async def send(service: Service, call: Call) -> Answer:
        """Send a node on its way; what becomes of its tasks is for the caller to say."""
        record, node = _found(service, call)
        service.engine.fleet.send(record, node, phase, bodies.accept_option(phase, call.json()))
        return _done(call, 202)

    return send


async def start(service: Service, call: Call) -> Answer:
    """Start a node that was deallocated."""
    service.engine.fleet.start(*_found(service, call))
    return _done(call, 202)


async def disable_scheduling(service: Service, call: Call) -> Answer:
    """Give a node no more tasks."""
    record, node = _found(service, call)
    option = bodies.accept_option("offline", call.json())
    service.engine.fleet.set_scheduling(record, node, enabled=False, option=option)
    return _done(call, 200)


async def enable_scheduling(service: Service, call: Call) -> Answer:
    """Give a node tasks again."""
    record, node = _found(service, call)
    service.engine.fleet.set_scheduling(record, node, enabled=True)
    return _done(call, 200)


async def counts(service: Service, call: Call) -> Answer:
    """Tell for each pool how many of its nodes are in which state."""
    shelf = service.engine.store.pools
    listing = Listing(
        fragment="poolnodecounts",
        ids=shelf.ids,
        fetch=shelf.__getitem__,
        fields=_COUNT_FIELDS,
        view=lambda record: bodies.counts_view(record.pool, record.nodes),
    )
    return answer_list(call, listing)


OPERATIONS: Final = (
    Operation("GET", "/pools/{poolId}/nodes", list_all),
    Operation("GET", "/pools/{poolId}/nodes/{nodeId}", get),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/reboot", _sending("rebooting")),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/reimage", _sending("reimaging")),
    Operation(
        "POST", "/pools/{poolId}/nodes/{nodeId}/deallocate", _sending("deallocating"), since="2024-07-01"
    ),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/start", start, since="2024-07-01"),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/disablescheduling", disable_scheduling),
    Operation("POST", "/pools/{poolId}/nodes/{nodeId}/enablescheduling", enable_scheduling),
    Operation("GET", "/nodecounts", counts),
)
