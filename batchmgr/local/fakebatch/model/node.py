"""A node of a pool, and the transitions of its state."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from batchmgr.local.fakebatch.model.node_run import NodeRun
from batchmgr.local.fakebatch.model.outcomes import Failure
from batchmgr.local.fakebatch.wire.errors import BatchError

Phase: TypeAlias = Literal[
    "ready",
    "starting",
    "waitingforstarttask",
    "starttaskfailed",
    "unusable",
    "rebooting",
    "reimaging",
    "deallocating",
    "deallocated",
    "preempted",
    "leavingpool",
]
_BUSY: Final[Mapping[Phase, str]] = {
    "starting": "NodeBeingStarted",
    "waitingforstarttask": "NodeBeingStarted",
    "rebooting": "NodeBeingRebooted",
    "reimaging": "NodeBeingReimaged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node; times are in ticks.

    `phase` tells whether it is ready for tasks or why it is not, `schedules` whether it may be given any.
    `start_spec` holds the properties of the start task it was booted with and `start_run` its latest run. A
    node that runs an `exclusive` task takes no other.
    """

    id: str
    address: str
    dedicated: bool
    slots: int
    created_at: int
    state_since: int
    booted_at: int
    phase: Phase = "ready"
    schedules: bool = True
    exclusive: bool = False
    used_slots: int = 0
    running_tasks: int = 0
    tasks_run: int = 0
    tasks_succeeded: int = 0
    start_spec: Mapping[str, Any] | None = None
    start_run: NodeRun | None = None
    errors: tuple[Failure, ...] = ()

    @property
    def state(self) -> str:
        """The state that the service shows."""
        if self.phase != "ready":
            return self.phase
        if self.running_tasks:
            return "running"
        return "idle" if self.schedules else "offline"

    @property
    def free_slots(self) -> int:
        """The slots a new task could take."""
        if self.phase != "ready" or not self.schedules or self.exclusive:
            return 0
        return self.slots - self.used_slots


def node_id(pool_id: str, number: int, *, dedicated: bool) -> str:
    """Return the id of the n-th node a pool was ever given."""
    digest = hashlib.sha256(f"{pool_id.lower()}/{number}".encode()).hexdigest()
    return f"tvmps_{digest}_{'d' if dedicated else 'p'}"


def address(number: int) -> str:
    """Return the address of the n-th node of all: one of this machine, so that all can listen on one port."""
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{number % 256}"


def _changed(before: Node, after: Node, now: int) -> Node:
    return after if after.state == before.state else replace(after, state_since=now)


def moved(node: Node, phase: Phase, now: int) -> Node:
    """Return the node in another phase."""
    return _changed(node, replace(node, phase=phase), now)


def occupied(node: Node, slots: int, now: int, *, exclusive: bool = False) -> Node:
    """Return the node as it takes a task."""
    after = replace(
        node, used_slots=node.used_slots + slots, running_tasks=node.running_tasks + 1, exclusive=exclusive
    )
    return _changed(node, after, now)


def released(node: Node, slots: int, now: int, *, ran: bool, succeeded: bool) -> Node:
    """Return the node as a task on it ends; `ran` tells whether the task came to its end."""
    after = replace(
        node,
        used_slots=node.used_slots - slots,
        running_tasks=node.running_tasks - 1,
        exclusive=False,
        tasks_run=node.tasks_run + ran,
        tasks_succeeded=node.tasks_succeeded + succeeded,
    )
    return _changed(node, after, now)


def booted(node: Node, start_spec: Mapping[str, Any] | None, now: int) -> Node:
    """Return the node as it begins to start up."""
    after = replace(node, booted_at=now, start_spec=start_spec, start_run=None, errors=(), phase="starting")
    return _changed(node, after, now)


def broken(node: Node, error: Failure, now: int) -> Node:
    """Return the node as it turns out to be unusable."""
    return _changed(node, replace(node, phase="unusable", errors=(error,)), now)


def rescheduled(node: Node, now: int, *, schedules: bool) -> Node:
    """Return the node as it may be given tasks, or not. Raises BatchError where that is so already."""
    if node.schedules == schedules:
        raise BatchError("NodeAlreadyInTargetSchedulingState")
    return _changed(node, replace(node, schedules=schedules), now)


def sent(node: Node, phase: Phase, now: int) -> Node:
    """Return the node as a user has it reboot, reimage or deallocate. Raises BatchError where it cannot.

    A node whose start task failed, or that is unusable, can be given another chance.
    """
    if node.phase in _BUSY:
        raise BatchError(_BUSY[node.phase])
    if node.phase not in ("ready", "starttaskfailed", "unusable"):
        raise BatchError("OperationNotValidOnNode", Reason=f"The node is in the state {node.state}.")
    return moved(node, phase, now)
