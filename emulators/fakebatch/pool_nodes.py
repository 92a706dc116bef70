"""The nodes of pools: resizes, reboots, deallocation, and the loss of spot nodes."""

import itertools
from collections.abc import Callable
from typing import Final, NamedTuple

from fakebatch.active_runs import Disposition
from fakebatch.engine_context import EngineContext
from fakebatch.errors import BatchError
from fakebatch.model import node_entity as nodes
from fakebatch.model import pool_entity as pools
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.node_startup import NodeStartup
from fakebatch.preparation_and_release import PreparationAndRelease
from fakebatch.run_requests import start_task_request
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import durations, service_clock, timestamps

_DISPOSITIONS: Final = {"requeue": Disposition.REQUEUED, "terminate": Disposition.TERMINATED}
"""What happens to running tasks. With any other option, the node waits until they end."""

_KINDS: Final = {True: "dedicated", False: "low priority"}
_REASONS: Final = {
    "AllocationTimedout": " as the resize timeout was reached",
    "ResizeStopped": " due to a stop resize operation",
}


class NodeLimit(NamedTuple):
    """How many more nodes of a kind a pool can get, and the resize error if it wants more."""

    room: int
    code: str
    message: str = ""


class PoolNodes:
    """Adds, changes and removes the nodes of all pools.

    `limit(pool, dedicated)` returns how many more nodes of a kind a pool can get; None: as many as it wants.
    """

    def __init__(self, context: EngineContext, preparations: PreparationAndRelease) -> None:
        self._context = context
        self._preparations = preparations
        self._startup = NodeStartup(context)
        self.limit: Callable[[StoredPool, bool], NodeLimit | None] = lambda record, dedicated: None
        self._numbers = itertools.count(1)
        self._timers: dict[str, service_clock.Timer] = {}
        # By the id of a pool: when its latest resize that needed machines began, and when it has them.
        self._machines_at: dict[str, tuple[int, int]] = {}

    def stop(self) -> None:
        """Stop the timers: no resize times out any more."""
        for timer in self._timers.values():
            timer.cancel()

    def resume(self) -> None:
        """Continue with the nodes in the store. Nodes that were starting up start over."""
        numbers = [
            nodes.number_of(node.address) for record in self._context.store.pools for node in record.nodes
        ]
        self._numbers = itertools.count(max(numbers, default=0) + 1)
        for record in self._context.store.pools:
            for node in record.nodes:
                run = node.start_run
                if node.phase in ("starting", "waitingforstarttask") or (run is not None and not run.is_over):
                    self._startup.boot(record, node)
                elif node.is_transitional:
                    record.in_transition.add(node.id)

    def advance(self, record: StoredPool) -> None:
        """Advance the resize of a pool and the transitions of its nodes, as far as running tasks allow."""
        awaits_machines = record.pool.allocation_state == "resizing" and not self._resize(record)
        for node_id in sorted(record.in_transition):
            self._finish_transition(record, record.nodes[node_id])
        if record.pool.allocation_state == "steady" or awaits_machines:
            return
        is_late = False
        if any(record.nodes[node_id].phase == "leavingpool" for node_id in record.in_transition):
            is_late = self._is_late(record)
            if not is_late:
                return
            self._keep_waiting(record)
        self._forget_timer(record)
        record.pool = pools.allocated(
            record.pool, service_clock.now(), self._shortfalls(record, is_late=is_late)
        )
        if record.pool.state == "deleting":
            self._context.store.pools.remove(record.pool.id)

    # Operations of users

    def remove_nodes(
        self, record: StoredPool, node_ids: list[str], option: str, timeout: str = "PT15M"
    ) -> None:
        """Remove certain nodes from a pool, and reduce its targets accordingly. Raises BatchError."""
        found = [self._context.store.node(record.pool.id, node_id)[1] for node_id in node_ids]
        leaving = {node.id: node for node in found}
        dedicated = sum(node.dedicated for node in leaving.values())
        targets = {
            "targetDedicatedNodes": max(record.pool.target(dedicated=True) - dedicated, 0),
            "targetLowPriorityNodes": max(
                record.pool.target(dedicated=False) - (len(leaving) - dedicated), 0
            ),
            "resizeTimeout": timeout,
        }
        record.pool = pools.resized(record.pool, targets, service_clock.now(), option)
        for node in leaving.values():
            self._begin_phase(record, node, "leavingpool", option)
        self._context.wake()

    def stop_resize(self, record: StoredPool) -> None:
        """Stop a resize. The pool keeps its current nodes, also those that wait for their tasks to end."""
        record.pool = pools.stopped(record.pool, service_clock.now())
        self._keep_waiting(record)
        self._context.wake()

    def start_transition(self, record: StoredPool, node: NodeEntity, phase: Phase, option: str) -> None:
        """Reboot, reimage or deallocate a node when no task runs on it any more. Raises BatchError."""
        nodes.phase_requested(node, phase, service_clock.now())
        self._begin_phase(record, node, phase, option)
        self._context.wake()

    def start(self, record: StoredPool, node: NodeEntity) -> None:
        """Start a deallocated node. Raises BatchError."""
        if node.phase != "deallocated":
            raise BatchError("OperationNotValidOnNode", Reason="The node is not deallocated.")
        self._startup.boot(record, node)
        self._context.wake()

    def set_scheduling(
        self, record: StoredPool, node: NodeEntity, *, enabled: bool, option: str = ""
    ) -> None:
        """Enable or disable scheduling on a node. Raises BatchError if nothing would change."""
        record.nodes.put(node.id, nodes.rescheduled(node, service_clock.now(), schedules=enabled))
        self._end_tasks(node, option)
        self._context.wake()

    # Spot nodes

    def preempt(self, record: StoredPool, number: int) -> list[str]:
        """Preempt spot nodes: their tasks are queued again, their files are lost. Returns their ids."""
        kept = [
            node
            for node in record.nodes
            if not node.dedicated and node.phase not in ("preempted", "leavingpool")
        ]
        for node in kept[:number]:
            self.evict(record, node)
        return [node.id for node in kept[:number]]

    def evict(self, record: StoredPool, node: NodeEntity) -> None:
        """Preempt this spot node."""
        self._begin_phase(record, node, "preempted", "requeue")
        self._context.wake()

    def restore(self, record: StoredPool, most: int | None = None) -> list[str]:
        """Replace preempted nodes by new machines, at most `most` of them. Returns their ids."""
        lost = [
            node for node in record.nodes if node.phase == "preempted" and node.id not in record.in_transition
        ]
        for node in lost[:most]:
            self._startup.boot(record, node, is_new=True)
        self._context.wake()
        return [node.id for node in lost[:most]]

    # Resizes

    def _resize(self, record: StoredPool) -> bool:
        """Add and remove nodes. Return False if the pool still waits for its machines."""
        has_machines = True
        for dedicated in (True, False):
            staying = [
                node for node in record.nodes if node.dedicated == dedicated and node.phase != "leavingpool"
            ]
            excess = len(staying) - record.pool.target(dedicated=dedicated)
            limit = self.limit(record, dedicated)
            missing = -excess if limit is None else min(-excess, limit.room)
            if missing > 0:
                if self._has_machines(record):
                    for _ in range(missing):
                        self._add(record, dedicated=dedicated)
                else:
                    has_machines = False
            # Nodes that are not ready or have few tasks leave first, those with a job manager last.
            by_loss = sorted(
                staying,
                key=lambda node: (node.phase == "ready", node.load.exclusive, node.load.running_tasks),
            )
            for node in by_loss[: max(excess, 0)]:
                self._begin_phase(record, node, "leavingpool", record.pool.deallocation)
        return has_machines

    def _has_machines(self, record: StoredPool) -> bool:
        """Return whether the machines of this resize are there. If not, the engine wakes when they are."""
        resize, now = record.pool.allocation_since, service_clock.now()
        before = self._machines_at.get(record.pool.id)
        if before is None or before[0] != resize:
            wait = self._context.delays.resize_s()
            before = self._machines_at[record.pool.id] = (
                resize,
                now + int(wait * timestamps.PER_SECOND),
            )
            if wait:
                service_clock.call_later(wait, self._context.wake, awaited=True)
        return now >= before[1]

    def _is_late(self, record: StoredPool) -> bool:
        """Return whether the resize timeout is over. If not, set a timer that wakes the engine then."""
        if record.pool.state == "deleting":
            return False
        timeout = durations.parse(record.pool.spec["resizeTimeout"])
        left = (record.pool.allocation_since + timeout - service_clock.now()) / timestamps.PER_SECOND
        if left <= 0:
            return True
        self._forget_timer(record)
        self._timers[record.pool.id] = service_clock.call_later(left, self._context.wake)
        return False

    def _forget_timer(self, record: StoredPool) -> None:
        timer = self._timers.pop(record.pool.id, None)
        if timer is not None:
            timer.cancel()

    def _keep_waiting(self, record: StoredPool) -> None:
        """Keep the nodes that would leave when their tasks have ended."""
        for node_id in list(record.in_transition):
            node = record.nodes[node_id]
            if node.phase == "leavingpool" and record.pool.deallocation not in _DISPOSITIONS:
                record.in_transition.discard(node_id)
                record.nodes.put(node_id, nodes.moved(node, "ready", service_clock.now()))

    def _shortfalls(self, record: StoredPool, *, is_late: bool) -> tuple[tuple[str, str], ...]:
        found = dict.fromkeys(_KINDS, 0)
        for node in record.nodes:
            found[node.dedicated] += 1
        errors = []
        for dedicated, name in _KINDS.items():
            if found[dedicated] == record.pool.target(dedicated=dedicated):
                continue
            limit = self.limit(record, dedicated)
            if record.pool.allocation_state == "stopping":
                limit = NodeLimit(0, "ResizeStopped")
            elif is_late:
                limit = NodeLimit(0, "AllocationTimedout")
            if limit is not None:
                reason = _REASONS.get(limit.code, "")
                text = f"Desired number of {name} nodes could not be allocated{reason}"
                errors.append((limit.code, limit.message or text))
        return tuple(errors)

    def _add(self, record: StoredPool, *, dedicated: bool) -> None:
        now = service_clock.now()
        record.pool = pools.with_node(record.pool)
        number = record.pool.nodes_created
        node = NodeEntity(
            id=nodes.node_id(record.pool.id, number, dedicated=dedicated),
            number=number,
            address=nodes.address(next(self._numbers)),
            dedicated=dedicated,
            slots=record.pool.slots_per_node,
            created_at=now,
            state_since=now,
            booted_at=now,
        )
        record.nodes.put(node.id, node)
        self._startup.boot(record, node)

    # Transitions

    def _begin_phase(self, record: StoredPool, node: NodeEntity, phase: Phase, option: str) -> None:
        record.nodes.put(node.id, nodes.moved(node, phase, service_clock.now()))
        record.in_transition.add(node.id)
        self._end_tasks(node, option)

    def _end_tasks(self, node: NodeEntity, option: str) -> None:
        if option in _DISPOSITIONS:
            self._context.runs.end_tasks_on(node.id, _DISPOSITIONS[option])

    def _finish_transition(self, record: StoredPool, node: NodeEntity) -> None:
        """Finish the transition of a node when no task of a job runs on it. All other runs are killed."""
        if node.load.running_tasks:
            return
        if self._context.runs.is_busy(node.id):
            self._context.runs.end_all_on(node.id, Disposition.DISCARDED)
            return
        record.in_transition.discard(node.id)
        self._preparations.node_restarted(node.id, reimaged=node.phase not in ("rebooting", "deallocating"))
        match node.phase:
            case "rebooting" | "reimaging":
                self._startup.boot(record, node, is_new=node.phase == "reimaging")
            case "deallocating":
                record.nodes.put(node.id, nodes.moved(node, "deallocated", service_clock.now()))
            case "leavingpool":
                record.nodes.remove(node.id)
                request = start_task_request(self._context.applications, record, node)
                removal = self._context.executor.remove_node(request.pool_id, request.node_id)
                self._context.start_run(request, removal)
            case _:
                pass
