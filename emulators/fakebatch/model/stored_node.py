"""A node of a pool, and the transitions of its state."""

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
class StoredNode:
    """A node; times are in ticks.

    `number` tells the how many-eth node of its pool it is, of all the pool was ever given.
    `phase` tells whether it is ready for tasks or why it is not, `schedules` whether it may be given any.
    `start_spec` holds the properties of the start task it was booted with and `start_run` its latest run.
    `load` is shared by the values of one node. `users` are the names, in lower case, of those who may log in.
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
        """The state that the service shows."""
        if self.phase != "ready":
            return self.phase
        if self.load.running_tasks:
            return "running"
        return "idle" if self.schedules else "offline"

    @property
    def has_agent(self) -> bool:
        """Whether the agent of the service is there: all the time but while there is no machine."""
        return self.phase not in ("deallocated", "preempted")

    @property
    def is_transitional(self) -> bool:
        """Whether the node is on its way to another phase, once nothing runs on it."""
        return self.phase in _TRANSITIONAL

    @property
    def free_slots(self) -> int:
        """The slots a new task could take."""
        if self.phase != "ready" or not self.schedules or self.load.exclusive:
            return 0
        return self.slots - self.load.used_slots


def node_id(pool_id: str, number: int, *, dedicated: bool) -> str:
    """Return the id of the n-th node a pool was ever given."""
    digest = hashlib.sha256(f"{pool_id.lower()}/{number}".encode()).hexdigest()
    return f"tvmps_{digest}_{'d' if dedicated else 'p'}"


def address(number: int) -> str:
    """Return the address of the n-th node of all: one of this machine, so that all can listen on one port."""
    return str(IPv4Address(_FIRST_ADDRESS + number % _ADDRESSES))


def number_of(address: str) -> int:
    """Return the number that an address was made of."""
    return int(IPv4Address(address)) - _FIRST_ADDRESS


def _changed(before: StoredNode, after: StoredNode, now: int) -> StoredNode:
    return after if after.state == before.state else replace(after, state_since=now)


def moved(node: StoredNode, phase: Phase, now: int) -> StoredNode:
    """Return the node in another phase."""
    return _changed(node, replace(node, phase=phase), now)


def occupied(
    node: StoredNode, task: TaskOnNode, slots: int, now: int, *, exclusive: bool = False
) -> StoredNode:
    """Return the node as it takes a task, which its load counts."""
    before = node.state
    node.load.start_task(task, slots, exclusive=exclusive)
    return _loaded(node, before, now)


def released(
    node: StoredNode, task: TaskOnNode, slots: int, now: int, *, completed: bool, succeeded: bool
) -> StoredNode:
    """Return the node as a run of a task on it ends; `completed` tells whether the task did with it."""
    before = node.state
    node.load.end_task(task, slots, completed=completed, succeeded=succeeded)
    return _loaded(node, before, now)


def stopped(node: StoredNode, now: int) -> StoredNode:
    """Return the node as all that runs on it is lost at once."""
    before = node.state
    node.load.clear()
    return _loaded(node, before, now)


def _loaded(node: StoredNode, before: str, now: int) -> StoredNode:
    return node if node.state == before else replace(node, state_since=now)


def booted(node: StoredNode, start_spec: Mapping[str, Any] | None, now: int, *, is_new: bool) -> StoredNode:
    """Return the node as it begins to start up, a new one without its users."""
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


def made_unusable(node: StoredNode, error: FailureInfo, now: int) -> StoredNode:
    """Return the node as it turns out to be unusable."""
    return _changed(node, replace(node, phase="unusable", errors=(error,)), now)


def rescheduled(node: StoredNode, now: int, *, schedules: bool) -> StoredNode:
    """Return the node as it may be given tasks, or not. Raises BatchError where that is so already."""
    if node.schedules == schedules:
        raise BatchError("NodeAlreadyInTargetSchedulingState")
    return _changed(node, replace(node, schedules=schedules), now)


def with_user(node: StoredNode, name: str) -> StoredNode:
    """Return the node with a user added. Raises BatchError(NodeUserExists)."""
    if name.lower() in node.users:
        raise BatchError("NodeUserExists")
    return replace(node, users=(*node.users, name.lower()))


def refuse_unknown_user(node: StoredNode, name: str) -> None:
    """Raise BatchError(NodeUserNotFound) unless the node has a user of this name."""
    if name.lower() not in node.users:
        raise BatchError("NodeUserNotFound")


def without_user(node: StoredNode, name: str) -> StoredNode:
    """Return the node with a user removed. Raises BatchError(NodeUserNotFound)."""
    refuse_unknown_user(node, name)
    return replace(node, users=tuple(user for user in node.users if user != name.lower()))


def phase_requested(node: StoredNode, phase: Phase, now: int) -> StoredNode:
    """Return the node as a user has it reboot, reimage or deallocate. Raises BatchError where it cannot.

    A node whose start task failed, or that is unusable, can be given another chance.
    """
    if node.phase in _BUSY:
        raise BatchError(_BUSY[node.phase])
    if node.phase not in ("ready", "starttaskfailed", "unusable"):
        raise BatchError("OperationNotValidOnNode", Reason=f"The node is in the state {node.state}.")
    return moved(node, phase, now)
