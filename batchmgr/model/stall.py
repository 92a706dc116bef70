"""Why a job does not move: decided from what Azure Batch reports about its job, pool, nodes and tasks.

A job whose tasks only wait for nodes that are busy, or are starting, is not stalled.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot
from batchmgr.plan.job_plan import JobPlan

MAX_TEXT = 500
"""How many characters of Azure Batch's own words a reason holds."""

MAX_NAMES = 5
"""How many task ids a reason names."""

WORKING = frozenset({"idle", "running"})
COMING = frozenset({"creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos"})
"""States of nodes that will soon take tasks."""

START_TASK_FAILED = "starttaskfailed"


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What is known about a job that does not move.

    `pool` is None if the job's pool does not exist. `unprepared` holds, by node id, why the job preparation
    task failed there. `deleted` are the tasks that were deleted before they had succeeded, `misfits` those
    that need more than the pool's nodes have. `has_no_plan`: tasks have failed, and batchmgr can't tell
    which others wait for them.
    """

    job: BatchJob
    pool: PoolSnapshot | None
    nodes: Sequence[NodeSnapshot] = ()
    unprepared: Mapping[str, str] = field(default_factory=dict)
    deleted: Sequence[str] = ()
    misfits: Sequence[str] = ()
    has_no_plan: bool = False
    is_planned_on_node: bool = False


@dataclass(frozen=True, kw_only=True)
class Stall:
    """Why a job can't go on by itself. `is_final`: nothing can change that, so the job is to be ended."""

    code: str
    reason: str
    advice: str
    is_final: bool = False


def find_stall(seen: Observation) -> Stall | None:
    """Return why the job can't go on by itself; None if it can, or if nothing is known against it.

    What a person can still change comes first: a disabled job may be moved to another pool.
    """
    if seen.job.has_ended:
        return None
    checks: tuple[Callable[[Observation], Stall | None], ...] = (
        _job_disabled,
        _not_scheduled,
        _pool_gone,
        _no_nodes,
        _no_usable_node,
        _no_prepared_node,
        _tasks_too_large,
        _plan_missing,
        _tasks_deleted,
    )
    return next((stall for check in checks if (stall := check(seen)) is not None), None)


def can_work(node: NodeSnapshot) -> bool:
    """Return whether the node runs tasks, or will soon."""
    return node.state in WORKING or node.state in COMING


def misfits(plan: JobPlan, pool: PoolSnapshot, active: Iterable[str]) -> tuple[str, ...]:
    """Return which of these active tasks need more than the pool's nodes have."""
    active_ids = frozenset(active)
    manager = (plan.job_manager_task,) if plan.job_manager_task is not None else ()
    return tuple(
        task.id
        for task in chain(plan.all_tasks, manager)
        if task.id in active_ids and never_fits(pool, task.required_slots, task.number_of_instances)
    )


def never_fits(pool: PoolSnapshot, slots: int, instances: int) -> bool:
    """Return whether a task with this need can't run on the pool as it is.

    A task on several nodes needs nodes that can talk to each other and have one slot.
    Source: https://learn.microsoft.com/azure/batch/batch-mpi
    """
    if slots > pool.slots_per_node:
        return True
    if instances <= 1:
        return False
    if not pool.has_inter_node_communication or pool.slots_per_node != 1:
        return True
    return not pool.has_formula and instances > max(pool.nodes, pool.target_nodes)


def _job_disabled(seen: Observation) -> Stall | None:
    if seen.job.state not in {"disabled", "disabling"}:
        return None
    return Stall(
        code="JobDisabled",
        reason="The Batch job is disabled: Azure Batch starts none of its tasks.",
        advice="Enable the job in Azure Batch, or cancel it.",
    )


def _not_scheduled(seen: Observation) -> Stall | None:
    if not seen.job.scheduling_error:
        return None
    return Stall(
        code="JobSchedulingError",
        reason=f"Azure Batch can't start the job: {_cut(seen.job.scheduling_error)}",
        advice="Correct what the error names and send the job again, or cancel it.",
    )


def _pool_gone(seen: Observation) -> Stall | None:
    if not seen.job.pool_id:
        return None  # Azure Batch has not made the auto pool yet
    if seen.pool is None:
        return Stall(
            code="PoolNotFound",
            reason=f"The pool {seen.job.pool_id!r} was deleted: the job's tasks have no nodes to run on.",
            advice="Send the job again with another poolId.",
            is_final=True,
        )
    if seen.pool.state == "deleting":
        return Stall(
            code="PoolBeingDeleted",
            reason=f"The pool {seen.pool.pool_id!r} is being deleted.",
            advice="Disable the Batch job and move it to another pool, or send the job again.",
        )
    return None


def _no_nodes(seen: Observation) -> Stall | None:
    pool = seen.pool
    if pool is None or pool.nodes or seen.nodes:
        return None
    name = repr(pool.pool_id)
    if pool.formula_error:
        return Stall(
            code="AutoscaleFailed",
            reason=f"The autoscale formula of pool {name} fails: {_cut(pool.formula_error)}",
            advice="Correct the pool's autoscale formula.",
        )
    if pool.resize_error:
        return Stall(
            code="ResizeFailed",
            reason=f"The pool {name} got no nodes: {_cut(pool.resize_error)}",
            advice="Resize the pool again when the cause is gone: a quota, the capacity of the region, or "
            "the network. Or send the job to another pool.",
        )
    if pool.has_formula or pool.allocation_state != "steady":
        return None
    return Stall(
        code="PoolHasNoNodes",
        reason=f"The pool {name} has no nodes, and no autoscale formula that would add some.",
        advice="Resize the pool.",
    )


def _no_usable_node(seen: Observation) -> Stall | None:
    if seen.pool is None or not seen.nodes or any(map(can_work, seen.nodes)):
        return None
    if seen.pool.allocation_state == "resizing" and seen.pool.target_nodes > seen.pool.nodes:
        return None  # more nodes are coming
    states = Counter(node.state for node in seen.nodes)
    counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    first = next((node.error for node in seen.nodes if node.error), "")
    cause = f" The first error: {_cut(first)}" if first else ""
    reason = f"No node of pool {seen.pool.pool_id!r} can run tasks: {counted}.{cause}"
    if START_TASK_FAILED in states:
        return Stall(
            code="StartTaskFailed",
            reason=reason,
            advice="Correct the pool's start task, then reboot or replace its nodes.",
        )
    if "preempted" in states:
        return Stall(
            code="NodesPreempted",
            reason=reason,
            advice="Wait until Azure has spot nodes again, or add dedicated nodes to the pool.",
        )
    return Stall(
        code="NodesUnusable",
        reason=reason,
        advice="Reboot, enable or replace the nodes of the pool.",
    )


def _no_prepared_node(seen: Observation) -> Stall | None:
    """Azure Batch runs no task of the job on a node where its preparation task failed.

    Source: https://learn.microsoft.com/azure/batch/batch-job-prep-release
    """
    usable = [node for node in seen.nodes if can_work(node)]
    failed = [seen.unprepared[node.node_id] for node in usable if node.node_id in seen.unprepared]
    if seen.pool is None or not usable or len(failed) < len(usable):
        return None
    return Stall(
        code="JobPreparationFailed",
        reason=f"The job preparation task failed on every usable node of pool {seen.pool.pool_id!r} "
        f"({len(failed)}): {_cut(failed[0])}",
        advice="Cancel the job, correct its jobPreparationTask and send it again. If a node was to blame, "
        "reimage it.",
    )


def _tasks_too_large(seen: Observation) -> Stall | None:
    if seen.pool is None or not seen.misfits:
        return None
    pool = seen.pool
    talk = "on" if pool.has_inter_node_communication else "off"
    return Stall(
        code="TaskTooLarge",
        reason=f"{_tasks(seen.misfits)} {_verb(seen.misfits, 'needs', 'need')} more task slots or nodes than "
        f"pool {pool.pool_id!r} has (nodes: {max(pool.nodes, pool.target_nodes)}, slots of a node: "
        f"{pool.slots_per_node}, inter-node communication: {talk}): {_names(seen.misfits)}.",
        advice="Disable the Batch job and move it to a pool with larger nodes. Or cancel it, and send it "
        "again with fewer requiredSlots or numberOfInstances.",
    )


def _tasks_deleted(seen: Observation) -> Stall | None:
    if not seen.deleted:
        return None
    if seen.is_planned_on_node:
        return Stall(
            code="TaskDeleted",
            reason="The job manager task was deleted in Azure Batch before it had planned the job.",
            advice="Send the job again.",
            is_final=True,
        )
    return Stall(
        code="TaskDeleted",
        reason=deleted_text(seen.deleted),
        advice="Nothing: the FinalizeTask runs when no other task can run, and the job does not succeed.",
    )


def deleted_text(deleted: Sequence[str]) -> str:
    """Return the sentence that these tasks were deleted."""
    return (
        f"{_tasks(deleted)} {_verb(deleted, 'was', 'were')} deleted in Azure Batch before "
        f"{_verb(deleted, 'it', 'they')} had succeeded: {_names(deleted)}."
    )


def _plan_missing(seen: Observation) -> Stall | None:
    if not seen.has_no_plan:
        return None
    return Stall(
        code="PlanMissing",
        reason="Tasks have failed or were deleted, and others may wait for them for ever. batchmgr can't "
        "tell, because the job's plan is not in storage any more.",
        advice="Cancel the job, and send it again.",
    )


def _tasks(ids: Sequence[str]) -> str:
    return f"{len(ids)} task{'' if len(ids) == 1 else 's'}"


def _verb(ids: Sequence[str], one: str, many: str) -> str:
    return one if len(ids) == 1 else many


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MAX_NAMES} more" if len(ids) > MAX_NAMES else ""
    return ", ".join(ids[:MAX_NAMES]) + more


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
