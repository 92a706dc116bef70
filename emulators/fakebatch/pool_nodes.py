"""What moves the nodes: they join and leave their pools, start up, reboot, and are lost."""

import itertools
from collections.abc import Callable
from typing import Final, NamedTuple

from fakebatch.active_runs import Ending
from fakebatch.engine_context import Machinery
from fakebatch.errors import BatchError
from fakebatch.model import node_entity as nodes
from fakebatch.model import pool_entity as pools
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.node_startup import Startups
from fakebatch.preparation_and_release import Preparations
from fakebatch.run_requests import start_order
from fakebatch.store import PoolRecord
from fakebatch.wire import durations, service_clock, timestamps

_ENDINGS: Final = {"requeue": Ending.REQUEUED, "terminate": Ending.TERMINATED}
"""What becomes of running tasks; under any other option they may come to their end."""

_KINDS: Final = {True: "dedicated", False: "low priority"}
_REASONS: Final = {
    "AllocationTimedout": " as the resize timeout was reached",
    "ResizeStopped": " due to a stop resize operation",
}


class Limit(NamedTuple):
    """How many more nodes of a kind a pool can get, and the error of a resize that wants more."""

    room: int
    code: str
    message: str = ""


class Fleet:
    """The nodes of all pools.

    `limit` tells how many more nodes a pool can get, dedicated ones or not; None: as many as it wants.
    """

    def __init__(self, machinery: Machinery, preparations: Preparations) -> None:
        self._machinery = machinery
        self._preparations = preparations
        self._startups = Startups(machinery)
        self.limit: Callable[[PoolRecord, bool], Limit | None] = lambda record, dedicated: None
        self._numbers = itertools.count(1)
        self._timers: dict[str, service_clock.Timer] = {}

    def stop(self) -> None:
        """End no more resizes."""
        for timer in self._timers.values():
            timer.cancel()

    def resume(self) -> None:
        """Go on with the nodes that are there from the start; those that were starting up begin anew."""
        numbers = [
            nodes.number_of(node.address) for record in self._machinery.store.pools for node in record.nodes
        ]
        self._numbers = itertools.count(max(numbers, default=0) + 1)
        for record in self._machinery.store.pools:
            for node in record.nodes:
                run = node.start_run
                if node.phase in ("starting", "waitingforstarttask") or (run is not None and not run.is_over):
                    self._startups.boot(record, node)
                elif node.is_transitional:
                    record.moving.add(node.id)

    def advance(self, record: PoolRecord) -> None:
        """Bring the nodes of a pool to where they should be, as far as what runs on them allows."""
        if record.pool.allocation_state == "resizing":
            self._resize(record)
        for node_id in list(record.moving):
            self._move_on(record, record.nodes[node_id])
        if record.pool.allocation_state == "steady":
            return
        is_late = False
        if any(record.nodes[node_id].phase == "leavingpool" for node_id in record.moving):
            is_late = self._is_late(record)
            if not is_late:
                return
            self._keep_waiting(record)
        self._forget_timer(record)
        record.pool = pools.allocated(
            record.pool, service_clock.now(), self._shortfalls(record, is_late=is_late)
        )
        if record.pool.state == "deleting":
            self._machinery.store.pools.remove(record.pool.id)

    # What users ask for

    def remove_nodes(
        self, record: PoolRecord, node_ids: list[str], option: str, timeout: str = "PT15M"
    ) -> None:
        """Take certain nodes out of a pool, which shrinks by as many. Raises BatchError."""
        found = [self._machinery.store.node(record.pool.id, node_id)[1] for node_id in node_ids]
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
            self._send(record, node, "leavingpool", option)
        self._machinery.wake()

    def stop_resize(self, record: PoolRecord) -> None:
        """Leave a pool with the nodes it has now; those that wait for their tasks to end stay too."""
        record.pool = pools.stopped(record.pool, service_clock.now())
        self._keep_waiting(record)
        self._machinery.wake()

    def send(self, record: PoolRecord, node: NodeEntity, phase: Phase, option: str) -> None:
        """Reboot, reimage or deallocate a node once it has no tasks any more. Raises BatchError."""
        nodes.phase_requested(node, phase, service_clock.now())
        self._send(record, node, phase, option)
        self._machinery.wake()

    def start(self, record: PoolRecord, node: NodeEntity) -> None:
        """Start a node that was deallocated. Raises BatchError."""
        if node.phase != "deallocated":
            raise BatchError("OperationNotValidOnNode", Reason="The node is not deallocated.")
        self._startups.boot(record, node)
        self._machinery.wake()

    def set_scheduling(
        self, record: PoolRecord, node: NodeEntity, *, enabled: bool, option: str = ""
    ) -> None:
        """Let a node take tasks again, or no more. Raises BatchError where it is so already."""
        record.nodes.put(node.id, nodes.rescheduled(node, service_clock.now(), schedules=enabled))
        self._end_tasks(node, option)
        self._machinery.wake()

    # What happens to spot nodes

    def preempt(self, record: PoolRecord, number: int) -> list[str]:
        """Take spot nodes away: their tasks are queued again, their files are lost. Returns their ids."""
        kept = [
            node
            for node in record.nodes
            if not node.dedicated and node.phase not in ("preempted", "leavingpool")
        ]
        for node in kept[:number]:
            self._send(record, node, "preempted", "requeue")
        self._machinery.wake()
        return [node.id for node in kept[:number]]

    def restore(self, record: PoolRecord, most: int | None = None) -> list[str]:
        """Give a pool its preempted nodes back, or the first of them, as new machines. Returns their ids."""
        lost = [node for node in record.nodes if node.phase == "preempted" and node.id not in record.moving]
        for node in lost[:most]:
            self._startups.boot(record, node, is_new=True)
        self._machinery.wake()
        return [node.id for node in lost[:most]]

    # The number of nodes

    def _resize(self, record: PoolRecord) -> None:
        for dedicated in (True, False):
            staying = [
                node for node in record.nodes if node.dedicated == dedicated and node.phase != "leavingpool"
            ]
            excess = len(staying) - record.pool.target(dedicated=dedicated)
            limit = self.limit(record, dedicated)
            for _ in range(-excess if limit is None else min(-excess, limit.room)):
                self._add(record, dedicated=dedicated)
            # The nodes with the least to lose go first, those that run a job manager last.
            by_loss = sorted(
                staying,
                key=lambda node: (node.phase == "ready", node.load.exclusive, node.load.running_tasks),
            )
            for node in by_loss[: max(excess, 0)]:
                self._send(record, node, "leavingpool", record.pool.deallocation)

    def _is_late(self, record: PoolRecord) -> bool:
        """Whether a resize has to end as it is; if not, the engine wakes when it has."""
        if record.pool.state == "deleting":
            return False
        timeout = durations.parse(record.pool.spec["resizeTimeout"])
        left = (record.pool.allocation_since + timeout - service_clock.now()) / timestamps.PER_SECOND
        if left <= 0:
            return True
        self._forget_timer(record)
        self._timers[record.pool.id] = service_clock.call_later(left, self._machinery.wake)
        return False

    def _forget_timer(self, record: PoolRecord) -> None:
        timer = self._timers.pop(record.pool.id, None)
        if timer is not None:
            timer.cancel()

    def _keep_waiting(self, record: PoolRecord) -> None:
        """Keep the nodes that would leave once their tasks have ended."""
        for node_id in list(record.moving):
            node = record.nodes[node_id]
            if node.phase == "leavingpool" and record.pool.deallocation not in _ENDINGS:
                record.moving.discard(node_id)
                record.nodes.put(node_id, nodes.moved(node, "ready", service_clock.now()))

    def _shortfalls(self, record: PoolRecord, *, is_late: bool) -> tuple[tuple[str, str], ...]:
        found = dict.fromkeys(_KINDS, 0)
        for node in record.nodes:
            found[node.dedicated] += 1
        errors = []
        for dedicated, name in _KINDS.items():
            if found[dedicated] == record.pool.target(dedicated=dedicated):
                continue
            limit = self.limit(record, dedicated)
            if record.pool.allocation_state == "stopping":
                limit = Limit(0, "ResizeStopped")
            elif is_late:
                limit = Limit(0, "AllocationTimedout")
            if limit is not None:
                reason = _REASONS.get(limit.code, "")
                text = f"Desired number of {name} nodes could not be allocated{reason}"
                errors.append((limit.code, limit.message or text))
        return tuple(errors)

    def _add(self, record: PoolRecord, *, dedicated: bool) -> None:
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
        self._startups.boot(record, node)

    # Where a node is going

    def _send(self, record: PoolRecord, node: NodeEntity, phase: Phase, option: str) -> None:
        record.nodes.put(node.id, nodes.moved(node, phase, service_clock.now()))
        record.moving.add(node.id)
        self._end_tasks(node, option)

    def _end_tasks(self, node: NodeEntity, option: str) -> None:
        if option in _ENDINGS:
            self._machinery.runs.end_tasks_on(node.id, _ENDINGS[option])

    def _move_on(self, record: PoolRecord, node: NodeEntity) -> None:
        """Take a node to where it is going, once nothing runs on it; what is no task of a job is killed."""
        if node.load.running_tasks:
            return
        if self._machinery.runs.is_busy(node.id):
            self._machinery.runs.end_all_on(node.id, Ending.DISCARDED)
            return
        record.moving.discard(node.id)
        self._preparations.forget(node.id, reimaged=node.phase not in ("rebooting", "deallocating"))
        match node.phase:
            case "rebooting" | "reimaging":
                self._startups.boot(record, node, is_new=node.phase == "reimaging")
            case "deallocating":
                record.nodes.put(node.id, nodes.moved(node, "deallocated", service_clock.now()))
            case "leavingpool":
                record.nodes.remove(node.id)
                order = start_order(self._machinery.applications, record, node)
                removal = self._machinery.executor.remove_node(order.pool_id, order.node_id)
                self._machinery.work(order, removal)
            case _:
                pass
