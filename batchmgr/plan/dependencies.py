"""Which task waits for which: circles, leaves, and the tasks that the FinalizeTask waits for.

`rules_between_tasks` has the rules on `dependsOn`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from batchmgr.plan.ids import INTEGER_ID
from batchmgr.plan.job_plan import RESERVED_PREFIX, TaskPlan
from batchmgr.plan.task_options import ContainerSettings

MAX_DEPENDENCY_CHARACTERS = 64_000
"""How many characters all ids in one task's dependencies may have.

Integer ids do not count: they are sent as ranges.
Source: https://learn.microsoft.com/rest/api/batchservice/task/add, TaskDependencies.taskIds
"""


def find_cycle(tasks: Sequence[TaskPlan]) -> list[str]:
    """Return the ids of tasks that wait for each other, the first one again at the end; empty if none do.

    All ids must be different, and all dependencies known.
    """
    # Kahn's algorithm. `graphlib` is in Python 3.9 and newer, and nodes may have 3.8.
    waiting = {task.id: len(set(task.depends_on)) for task in tasks}
    followers: dict[str, list[str]] = {}
    for task in tasks:
        for parent in set(task.depends_on):
            followers.setdefault(parent, []).append(task.id)
    ready = deque(name for name, count in waiting.items() if not count)
    while ready:
        name = ready.popleft()
        del waiting[name]
        for follower in followers.get(name, ()):
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    if not waiting:
        return []
    parents = {task.id: task.depends_on for task in tasks if task.id in waiting}
    name = next(iter(parents))
    path: dict[str, None] = {}  # its order counts, and a cycle may be long
    while name not in path:
        path[name] = None
        name = next(parent for parent in parents[name] if parent in waiting)
    ids = list(path)
    return [*ids[ids.index(name) :], name]


def mark_leaves(tasks: Sequence[TaskPlan]) -> tuple[TaskPlan, ...]:
    """Return the same tasks with `is_leaf` set: False for each task that another one waits for."""
    awaited = {task_id for task in tasks for task_id in task.depends_on}
    return tuple(replace(task, is_leaf=False) if task.id in awaited else task for task in tasks)


def gather(
    ids: Sequence[str], container: ContainerSettings | None = None
) -> tuple[tuple[TaskPlan, ...], tuple[str, ...]]:
    """Return gathering tasks for `ids`, and the ids to wait for instead of `ids`.

    A gathering task does nothing but wait for some of the ids. The FinalizeTask waits for all leaves of the
    job, and their ids may have more characters than one task can wait for. Then it waits for gathering tasks
    instead. Otherwise there are none.
    """
    named = not_integers(ids)
    if characters(named) <= MAX_DEPENDENCY_CHARACTERS:
        return (), tuple(ids)
    tasks = tuple(
        TaskPlan(
            id=f"{RESERVED_PREFIX}gather-{number}",
            display_name="waits for some of the tasks",
            command_line="/bin/sh -c :",
            container_settings=container,
            depends_on=tuple(group),
        )
        for number, group in enumerate(_groups(named), 1)
    )
    integers = [task_id for task_id in ids if INTEGER_ID.fullmatch(task_id)]
    return tasks, (*integers, *(task.id for task in tasks))


def _groups(ids: Iterable[str]) -> Iterator[list[str]]:
    """Split ids into groups that one task can wait for."""
    group: list[str] = []
    size = 0
    for task_id in ids:
        if size + len(task_id) > MAX_DEPENDENCY_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(task_id)
        size += len(task_id)
    yield group


def not_integers(ids: Iterable[str]) -> list[str]:
    """Return the ids that can't be sent as ranges."""
    return [task_id for task_id in ids if not INTEGER_ID.fullmatch(task_id)]


def characters(ids: Iterable[str]) -> int:
    """Return how many characters these ids have together."""
    return sum(map(len, ids))
