"""The shape of a job: all that decides when its tasks can run, and nothing of what they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from batchmgr.errors import SimulationError
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, RESERVED_PREFIX, JobPlan, TaskPlan
from batchmgr.plan.task_kind import OTHER, kind_of

FINALIZE_KIND = "FinalizeTask"


@dataclass(frozen=True, kw_only=True)
class JobShape:
    """The tasks of a job, in the order in which they are added. Each list has one entry for each task.

    `kind` has indexes of `kinds`, and `depends_on` lists of indexes of tasks. `limit` is in seconds. A task
    that `satisfies` blocks nobody when it has failed. `own_kinds` are the kinds of tasks that batchmgr adds.
    """

    kinds: Sequence[str]
    own_kinds: frozenset[str]
    kind: Sequence[int]
    slots: Sequence[int]
    retries: Sequence[int]
    nodes: Sequence[int]
    limit: Sequence[float | None]
    satisfies: Sequence[bool]
    depends_on: Sequence[Sequence[int]]
    max_parallel_tasks: int = -1
    max_wall_clock_s: float | None = None

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks each kind has."""
        found = dict.fromkeys(self.kinds, 0)
        for index in self.kind:
            found[self.kinds[index]] += 1
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the tasks as a forecast takes them."""
        return {
            "kind": list(self.kind),
            "slots": list(self.slots),
            "retries": list(self.retries),
            "nodes": list(self.nodes),
            "limitSeconds": list(self.limit),
            "satisfies": list(self.satisfies),
            "dependsOn": [list(others) for others in self.depends_on],
        }


def shape_of_plan(plan: JobPlan) -> JobShape:
    """Return the shape of a planned job. Raise SimulationError if its tasks are planned on a node."""
    if plan.awaits_tasks:
        raise SimulationError(
            "the job manager task plans the tasks on its node, so they are not known yet: "
            "simulate an earlier job with --like, or a number of tasks with --tasks"
        )
    limit = plan.job.max_wall_clock_time
    return shape_of_tasks(
        plan.all_tasks,
        max_parallel_tasks=plan.job.max_parallel_tasks,
        max_wall_clock_s=None if limit is None else limit.total_seconds(),
    )


def shape_of_tasks(
    tasks: Iterable[TaskPlan], *, max_parallel_tasks: int = -1, max_wall_clock_s: float | None = None
) -> JobShape:
    """Return the shape of a job of these tasks. Each depends on tasks of the same job."""
    planned = list(tasks)
    places = {task.id.lower(): place for place, task in enumerate(planned)}
    kinds: dict[str, int] = {}
    return JobShape(
        kind=[kinds.setdefault(_kind(task), len(kinds)) for task in planned],
        kinds=tuple(kinds),
        own_kinds=frozenset(_kind(task) for task in planned if task.id.startswith(RESERVED_PREFIX)),
        slots=[task.required_slots for task in planned],
        retries=[task.max_task_retry_count for task in planned],
        nodes=[task.number_of_instances for task in planned],
        limit=[
            None if task.max_wall_clock_time is None else task.max_wall_clock_time.total_seconds()
            for task in planned
        ],
        satisfies=[not task.blocks_after_failure(1) for task in planned],
        depends_on=[[places[other.lower()] for other in task.depends_on] for task in planned],
        max_parallel_tasks=max_parallel_tasks,
        max_wall_clock_s=max_wall_clock_s,
    )


def shape_of_count(count: int, kind: str = OTHER) -> JobShape:
    """Return the shape of a job of independent tasks of one kind, with its FinalizeTask."""
    return JobShape(
        kinds=(kind, FINALIZE_KIND),
        own_kinds=frozenset({FINALIZE_KIND}),
        kind=[0] * count + [1],
        slots=[1] * (count + 1),
        retries=[0] * (count + 1),
        nodes=[1] * (count + 1),
        limit=[None] * (count + 1),
        satisfies=[True] * (count + 1),
        depends_on=[*([()] * count), tuple(range(count))],
    )


def _kind(task: TaskPlan) -> str:
    if task.id == FINALIZE_TASK_ID:
        return FINALIZE_KIND
    return kind_of(task.id, task.display_name)
