"""Failed tasks in groups: those that have failed for the same reason are one line, however many they are.

What Azure Batch says of a program that failed is its exit code. The reason is in files, and not those of all
tasks are looked at. A task that was not looked at is taken for one of a group if all tasks that look the same
from outside, and were looked at, are in this group. Else such tasks are a group of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, zip_longest

import msgspec

from batchmgr.model.batch_snapshots import EXIT_CODE, TaskError, TaskSnapshot
from batchmgr.model.failure_cause import Cause, cause_of
from batchmgr.plan.task_kind import kind_of

MAX_GROUPS = 100
"""How many groups are shown: the largest."""

SHOWN_TASKS = 5
"""How many tasks of a group are named: the first that have failed."""


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Tasks that have failed for the same reason.

    `looked_at`: of so many is known that they have. The others of the `count` look the same from outside.
    `traceback` and `stderr` are those of one of the tasks. `first_at` is when the first of them had failed.
    """

    type: str
    message: str
    count: int
    looked_at: int
    first_task: str
    tasks: tuple[str, ...]
    category: str = ""
    exit_code: int | None = None
    first_at: datetime | None = None
    traceback: str = ""
    stderr: str = ""

    def without_details(self) -> "FailureGroup":
        """Return the group without its traceback and stderr."""
        return msgspec.structs.replace(self, traceback="", stderr="")


class FailureGroups(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """All failed tasks of a job, the largest group first. `others` are tasks of groups that are not shown."""

    failed: int = 0
    looked_at: int = 0
    groups: tuple[FailureGroup, ...] = ()
    others: int = 0


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A failed task: how it looks from outside, and its cause, if that is known."""

    task_id: str
    at: datetime
    said: Cause
    kind: str = ""
    exit_code: int | None = None
    found: Cause | None = None

    @classmethod
    def of(cls, task: TaskSnapshot, found: Cause | None) -> "Failure":
        """Return the failure of a task. If its files can't say more, Azure Batch's words are the cause."""
        said = cause_of(task.error, task.exit_code)
        return cls(
            task_id=task.task_id,
            at=task.end_time or task.state_transition_time,
            said=said,
            kind=kind_of(task.task_id, task.display_name),
            exit_code=task.exit_code,
            found=found or (None if is_told_by_files(task.error) else said),
        )

    @property
    def outside(self) -> tuple[object, ...]:
        """How the failure looks from outside."""
        return (self.kind, self.exit_code, *self.said.key)


def is_told_by_files(error: TaskError | None) -> bool:
    """Return whether only the files of a failed task say why: Azure Batch has nothing but the exit code."""
    return error is None or error.type == EXIT_CODE


def to_look_at(failures: Iterable[Failure], most: int) -> list[Failure]:
    """Return which of the failures to look at, `most` at most.

    Those come first that have failed first, and those that look different take turns.
    """
    unknown: dict[tuple[object, ...], list[Failure]] = {}
    for failure in sorted(failures, key=_place):
        if failure.found is None:
            unknown.setdefault(failure.outside, []).append(failure)
    rounds = chain.from_iterable(zip_longest(*unknown.values()))
    return [failure for failure in rounds if failure is not None][: max(0, most)]


def group_failures(failures: Iterable[Failure]) -> FailureGroups:
    """Return the groups, whatever the order of the failures is."""
    known: dict[tuple[object, ...], list[Failure]] = {}
    unknown: dict[tuple[object, ...], list[Failure]] = {}
    total = 0
    for failure in sorted(failures, key=_place):
        total += 1
        if failure.found is None:
            unknown.setdefault(failure.outside, []).append(failure)
        else:
            known.setdefault((failure.exit_code, *failure.found.key), []).append(failure)
    groups_of = _groups_of(known)
    taken: dict[tuple[object, ...], list[Failure]] = {}
    for outside, some in unknown.items():
        candidates = groups_of.get(outside, set())
        said = (some[0].exit_code, *some[0].said.key)
        taken.setdefault(next(iter(candidates)) if len(candidates) == 1 else said, []).extend(some)
    groups = [_group(known.get(key, []), taken.get(key, [])) for key in {**known, **taken}]
    ordered = sorted(groups, key=_rank)
    return FailureGroups(
        failed=total,
        looked_at=sum(len(some) for some in known.values()),
        groups=tuple(ordered[:MAX_GROUPS]),
        others=sum(group.count for group in ordered[MAX_GROUPS:]),
    )


def _groups_of(
    known: Mapping[tuple[object, ...], Sequence[Failure]],
) -> dict[tuple[object, ...], set[tuple[object, ...]]]:
    """Return in which groups those are that look the same from outside."""
    found: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for key, some in known.items():
        for failure in some:
            found.setdefault(failure.outside, set()).add(key)
    return found


def _group(known: Sequence[Failure], taken: Sequence[Failure]) -> FailureGroup:
    """Return a group, with the details of the first of its known failures that has some."""
    causes = [failure.found for failure in known if failure.found is not None] or [taken[0].said]
    cause = next((cause for cause in causes if cause.traceback or cause.stderr), causes[0])
    ordered = sorted([*known, *taken], key=_place)
    return FailureGroup(
        type=cause.type,
        category=cause.category,
        message=cause.message,
        count=len(ordered),
        looked_at=len(known),
        first_task=ordered[0].task_id,
        tasks=tuple(failure.task_id for failure in ordered[:SHOWN_TASKS]),
        exit_code=ordered[0].exit_code,
        first_at=ordered[0].at,
        traceback=cause.traceback,
        stderr=cause.stderr,
    )


def _place(failure: Failure) -> tuple[datetime, str]:
    return failure.at, failure.task_id


def _rank(group: FailureGroup) -> tuple[object, ...]:
    return (-group.count, group.first_at, group.first_task, group.type, group.message)
