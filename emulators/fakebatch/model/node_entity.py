"""A compute node as the service stores it, and its state transitions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any, Final, Literal, TypeAlias

from fakebatch.errors import BatchError
from fakebatch.failure_info import FailureInfo
from fakebatch.model.node_load import NodeLoad, TaskOnNode
from fakebatch.model.node_run import NodeRun

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
_TRANSITIONAL: Final = frozenset({"rebooting", "reimaging", "deallocating", "leavingpool", "preempted"})
_FIRST_ADDRESS: Final = int(IPv4Address("127.64.0.0"))
_ADDRESSES: Final = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntity:
    """A node. Times are in ticks.

    `number` counts all nodes that the pool ever had, from 1. `phase` is `ready`, or the reason why the node
    cannot run tasks. `schedules` is False while scheduling is disabled on the node. `start_spec` holds the
    properties of the start task with which it booted, and `start_run` the latest run of that task. `load` is
    one mutable object that all values of the same node share. `users` are the names, in lower case, of the
    users that were added to the node.
    """

    id: str
    number: int
    address: str
    dedicated: bool
    slots: int
    created_at: int
    state_since: int
    booted_at: int
    phase: Phase = "ready"
    schedules: bool = True
    load: NodeLoad = field(default_factory=NodeLoad)
    start_spec: Mapping[str, Any] | None = None
    start_run: NodeRun | None = None
    errors: tuple[FailureInfo, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The `state` property of the node in responses."""
        if self.phase != "ready":
            return self.phase
        if self.load.running_tasks:
            return "running"
        return "idle" if self.schedules else "offline"

    @property
    def has_agent(self) -> bool:
        """Whether the node agent runs: always, except while the node has no machine."""
        return self.phase not in ("deallocated", "preempted")

    @property
    def is_transitional(self) -> bool:
        """Whether the node goes on to another phase as soon as nothing runs on it."""
        return self.phase in _TRANSITIONAL

    @property
    def free_slots(self) -> int:
        """The number of slots that new tasks can use."""
        if self.phase != "ready" or not self.schedules or self.load.exclusive:
            return 0
        return self.slots - self.load.used_slots


def node_id(pool_id: str, number: int, *, dedicated: bool) -> str:
    """Return the id of the n-th node that a pool ever had."""
    digest = hashlib.sha256(f"{pool_id.lower()}/{number}".encode()).hexdigest()
    return f"tvmps_{digest}_{'d' if dedicated else 'p'}"


def address(number: int) -> str:
    """Return the IP address of the n-th node of all pools.

    It is a loopback address of its own, so that all nodes can listen on the same port.
    """
    return str(IPv4Address(_FIRST_ADDRESS + number % _ADDRESSES))


def number_of(address: str) -> int:
    """Return the number from which an address was made."""
    return int(IPv4Address(address)) - _FIRST_ADDRESS


def _changed(before: NodeEntity, after: NodeEntity, now: int) -> NodeEntity:
    return after if after.state == before.state else replace(after, state_since=now)


def moved(node: NodeEntity, phase: Phase, now: int) -> NodeEntity:
    """Return the node in the phase `phase`."""
    return _changed(node, replace(node, phase=phase), now)


def occupied(
    node: NodeEntity, task: TaskOnNode, slots: int, now: int, *, exclusive: bool = False
) -> NodeEntity:
    """Return the node after it was given a task. This changes its `load`."""
    before = node.state
    node.load.start_task(task, slots, exclusive=exclusive)
    return _loaded(node, before, now)


def released(
    node: NodeEntity, task: TaskOnNode, slots: int, now: int, *, completed: bool, succeeded: bool
) -> NodeEntity:
    """Return the node after a run of a task on it ended. This changes its `load`.

    `completed` is True if the task has completed and will not run again.
    """
    before = node.state
    node.load.end_task(task, slots, completed=completed, succeeded=succeeded)
    return _loaded(node, before, now)


def stopped(node: NodeEntity, now: int) -> NodeEntity:
    """Return the node after all tasks on it were lost at once. This changes its `load`."""
    before = node.state
    node.load.clear()
    return _loaded(node, before, now)


def _loaded(node: NodeEntity, before: str, now: int) -> NodeEntity:
    return node if node.state == before else replace(node, state_since=now)


def booted(node: NodeEntity, start_spec: Mapping[str, Any] | None, now: int, *, is_new: bool) -> NodeEntity:
    """Return the node when it starts to boot. With `is_new`, the machine is a new one and has no users."""
    after = replace(
        node,
        booted_at=now,
        start_spec=start_spec,
        start_run=None,
        errors=(),
        phase="starting",
        users=() if is_new else node.users,
    )
    return _changed(node, after, now)


def made_unusable(node: NodeEntity, error: FailureInfo, now: int) -> NodeEntity:
    """Return the node in the phase `unusable`, with an error."""
    return _changed(node, replace(node, phase="unusable", errors=(error,)), now)


def rescheduled(node: NodeEntity, now: int, *, schedules: bool) -> NodeEntity:
    """Return the node with scheduling enabled or disabled.

    Raises BatchError(NodeAlreadyInTargetSchedulingState).
    """
    if node.schedules == schedules:
        raise BatchError("NodeAlreadyInTargetSchedulingState")
    return _changed(node, replace(node, schedules=schedules), now)


def with_user(node: NodeEntity, name: str) -> NodeEntity:
    """Return the node with a user added. Raises BatchError(NodeUserExists)."""
    if name.lower() in node.users:
        raise BatchError("NodeUserExists")
    return replace(node, users=(*node.users, name.lower()))


def refuse_unknown_user(node: NodeEntity, name: str) -> None:
    """Raise BatchError(NodeUserNotFound) unless the node has a user of this name."""
    if name.lower() not in node.users:
        raise BatchError("NodeUserNotFound")


def without_user(node: NodeEntity, name: str) -> NodeEntity:
    """Return the node with a user removed. Raises BatchError(NodeUserNotFound)."""
    refuse_unknown_user(node, name)
    return replace(node, users=tuple(user for user in node.users if user != name.lower()))


def phase_requested(node: NodeEntity, phase: Phase, now: int) -> NodeEntity:
    """Return the node after a user's request to reboot, reimage or deallocate it.

    This is allowed for a ready node, for one whose start task failed, and for an unusable one. Raises
    BatchError in any other phase.
    """
    if node.phase in _BUSY:
        raise BatchError(_BUSY[node.phase])
    if node.phase not in ("ready", "starttaskfailed", "unusable"):
        raise BatchError("OperationNotValidOnNode", Reason=f"The node is in the state {node.state}.")
    return moved(node, phase, now)
