"""A pool and its nodes, and the transitions of their states."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from batchmgr.local.fakebatch.wire.errors import BatchError

AllocationState: TypeAlias = Literal["steady", "resizing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool; times are in ticks.

    `spec` is its properties as the service stores them, defaults filled in, and `auto_scale_run` the last
    evaluation of its formula as it is shown.
    """

    id: str
    spec: Mapping[str, Any]
    created_at: int
    last_modified: int
    state_since: int
    allocation_since: int
    state: Literal["active", "deleting"] = "active"
    allocation_state: AllocationState = "resizing"
    auto_scale_run: Mapping[str, Any] | None = None
    auto_scale_enabled_at: int | None = None

    @property
    def slots_per_node(self) -> int:
        """The scheduling slots of each node."""
        slots: int = self.spec["taskSlotsPerNode"]
        return slots

    @property
    def fills(self) -> str:
        """How tasks are laid out over the nodes: `Spread` or `Pack`."""
        fills: str = self.spec["taskSchedulingPolicy"]["nodeFillType"]
        return fills

    def target(self, *, dedicated: bool) -> int:
        """The number of nodes of a kind that the pool should have."""
        if self.state == "deleting":
            return 0
        nodes: int = self.spec["targetDedicatedNodes" if dedicated else "targetLowPriorityNodes"]
        return nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of a pool; times are in ticks. A node that is leaving takes no more tasks."""

    id: str
    dedicated: bool
    slots: int
    created_at: int
    state_since: int
    used_slots: int = 0
    running_tasks: int = 0
    tasks_run: int = 0
    tasks_succeeded: int = 0
    leaving: bool = False

    @property
    def state(self) -> str:
        """`leavingpool`, `running` or `idle`."""
        if self.leaving:
            return "leavingpool"
        return "running" if self.running_tasks else "idle"

    @property
    def free_slots(self) -> int:
        """The slots a new task could take."""
        return 0 if self.leaving else self.slots - self.used_slots


def node_id(pool_id: str, number: int, *, dedicated: bool) -> str:
    """Return the id of the n-th node a pool was ever given."""
    digest = hashlib.sha256(f"{pool_id.lower()}/{number}".encode()).hexdigest()
    return f"tvmps_{digest}_{'d' if dedicated else 'p'}"


def occupied(node: Node, slots: int, now: int) -> Node:
    """Return the node as it starts a task."""
    since = node.state_since if node.running_tasks else now
    return replace(
        node,
        used_slots=node.used_slots + slots,
        running_tasks=node.running_tasks + 1,
        tasks_run=node.tasks_run + 1,
        state_since=since,
    )


def released(node: Node, slots: int, now: int, *, succeeded: bool) -> Node:
    """Return the node as a task on it ends."""
    since = node.state_since if node.running_tasks > 1 else now
    return replace(
        node,
        used_slots=node.used_slots - slots,
        running_tasks=node.running_tasks - 1,
        tasks_succeeded=node.tasks_succeeded + succeeded,
        state_since=since,
    )


def resized(pool: Pool, targets: Mapping[str, int], now: int) -> Pool:
    """Return the pool as it begins to grow or shrink.

    Raises BatchError(PoolBeingResized, PoolBeingDeleted).
    """
    refuse_if_deleting(pool)
    if pool.allocation_state != "steady":
        raise BatchError("PoolBeingResized")
    return replace(
        pool,
        spec={**pool.spec, **targets},
        last_modified=now,
        allocation_state="resizing",
        allocation_since=now,
    )


def allocated(pool: Pool, now: int) -> Pool:
    """Return the pool once it has the nodes it should have."""
    return replace(pool, allocation_state="steady", allocation_since=now)


def deleted(pool: Pool, now: int) -> Pool:
    """Return the pool as a user asks to delete it. Raises BatchError(PoolBeingDeleted)."""
    refuse_if_deleting(pool)
    return replace(pool, state="deleting", state_since=now, allocation_state="resizing", allocation_since=now)


def respecified(pool: Pool, changes: Mapping[str, Any], now: int) -> Pool:
    """Return the pool with some of its properties replaced. Raises BatchError(PoolBeingDeleted)."""
    refuse_if_deleting(pool)
    return replace(pool, spec={**pool.spec, **changes}, last_modified=now)


def refuse_if_deleting(pool: Pool) -> None:
    """Raise BatchError(PoolBeingDeleted) if the pool is on its way out."""
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted")


def leaving(node: Node, now: int) -> Node:
    """Return the node as it stops taking tasks because its pool shrinks."""
    return replace(node, leaving=True, state_since=now)
