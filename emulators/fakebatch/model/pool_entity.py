"""A pool as the service stores it, and its state transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from fakebatch.errors import BatchError

AllocationState: TypeAlias = Literal["steady", "resizing", "stopping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEntity:
    """A pool. Times are in ticks.

    `spec` holds its properties with the defaults filled in. `resize_errors` are the codes and messages of the
    last resize. `auto_scale_run` is the JSON of the last evaluation of its formula. `deallocation` says what
    happens to tasks on nodes that are removed. An auto pool has an `owner`: the kind (job or schedule) and
    its id. It is deleted with its owner unless `keep_alive` is True.
    """

    id: str
    spec: Mapping[str, Any]
    created_at: int
    last_modified: int
    state_since: int
    allocation_since: int
    state: Literal["active", "deleting"] = "active"
    allocation_state: AllocationState = "resizing"
    resize_errors: tuple[tuple[str, str], ...] = ()
    auto_scale_run: Mapping[str, Any] | None = None
    auto_scale_enabled_at: int | None = None
    nodes_created: int = 0
    deallocation: str = "requeue"
    owner: tuple[str, str] | None = None
    keep_alive: bool = False

    @property
    def slots_per_node(self) -> int:
        """The number of task slots of each node."""
        slots: int = self.spec["taskSlotsPerNode"]
        return slots

    @property
    def fills(self) -> str:
        """How tasks are distributed over the nodes: `Spread` or `Pack`."""
        fills: str = self.spec["taskSchedulingPolicy"]["nodeFillType"]
        return fills

    def target(self, *, dedicated: bool) -> int:
        """The number of dedicated or low-priority nodes that the pool should have."""
        if self.state == "deleting":
            return 0
        nodes: int = self.spec["targetDedicatedNodes" if dedicated else "targetLowPriorityNodes"]
        return nodes


def created(pool_id: str, spec: Mapping[str, Any], now: int) -> PoolEntity:
    """Return a new pool, which has no nodes yet."""
    return PoolEntity(
        id=pool_id, spec=spec, created_at=now, last_modified=now, state_since=now, allocation_since=now
    )


def resized(
    pool: PoolEntity, targets: Mapping[str, Any], now: int, deallocation: str = "requeue"
) -> PoolEntity:
    """Return the pool when a resize starts. `targets` replaces properties of its `spec`.

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
        resize_errors=(),
        deallocation=deallocation,
    )


def stopped(pool: PoolEntity, now: int) -> PoolEntity:
    """Return the pool after a user's request to stop its resize. Without a resize, nothing changes.

    `last_modified` stays, as in recordings of Azure Batch. Raises BatchError(PoolBeingDeleted).
    """
    refuse_if_deleting(pool)
    if pool.allocation_state != "resizing":
        return pool
    return replace(pool, allocation_state="stopping", allocation_since=now)


def allocated(pool: PoolEntity, now: int, errors: tuple[tuple[str, str], ...] = ()) -> PoolEntity:
    """Return the pool at the end of a resize, with `errors` if it could not get all its nodes."""
    return replace(pool, allocation_state="steady", allocation_since=now, resize_errors=errors)


def with_node(pool: PoolEntity) -> PoolEntity:
    """Return the pool with one more node counted in `nodes_created`."""
    return replace(pool, nodes_created=pool.nodes_created + 1)


def deleted(pool: PoolEntity, now: int) -> PoolEntity:
    """Return the pool after a user's request to delete it. Raises BatchError(PoolBeingDeleted)."""
    refuse_if_deleting(pool)
    return replace(
        pool,
        state="deleting",
        state_since=now,
        allocation_state="resizing",
        allocation_since=now,
        deallocation="requeue",
    )


def with_properties(pool: PoolEntity, changes: Mapping[str, Any], now: int) -> PoolEntity:
    """Return the pool with some of its properties replaced. Raises BatchError(PoolBeingDeleted)."""
    refuse_if_deleting(pool)
    return replace(pool, spec={**pool.spec, **changes}, last_modified=now)


def refuse_if_deleting(pool: PoolEntity) -> None:
    """Raise BatchError(PoolBeingDeleted) if the pool is being deleted."""
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted")
