"""The rules between the tasks of a job: their ids, which task waits for which, and whose results are whose.

The tasks come one by one and are not kept: only their ids are, and the ids that they wait for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmgr.errors import InvalidJobError
from batchmgr.plan.dependencies import MAX_DEPENDENCY_CHARACTERS, characters, find_cycle, not_integers
from batchmgr.plan.ids import INTEGER_ID, without_leading_zeros
from batchmgr.plan.job_plan import TaskPlan, outputs_of


class RulesBetweenTasks:
    """Checks tasks one after the other: call `add` for each of them, and `end` after the last.

    A task's field is its place among those added: `tasks[0]` is the first.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._ids: dict[str, str] = {}  # by their form in lower case, in the order of the tasks
        self._awaited: set[str] = set()
        self._unseen: list[tuple[int, int, str]] = []  # dependencies on tasks that come later, or never
        self._padded: list[tuple[int, str]] = []
        self._writers: dict[str, str] = {}
        self._count = 0

    @property
    def leaves(self) -> tuple[str, ...]:
        """The ids of the tasks that no other task waits for."""
        return tuple(task_id for task_id in self._ids.values() if task_id not in self._awaited)

    @property
    def awaited_places(self) -> Iterator[int]:
        """The places of the tasks that others wait for."""
        return (place for place, task_id in enumerate(self._ids.values()) if task_id in self._awaited)

    def add(self, task: TaskPlan) -> Iterator[InvalidJobError]:
        """Take the next task, and yield an error for each rule that it breaks as far as can be known."""
        field = f"tasks[{self._count}]"
        for place, parent in enumerate(task.depends_on):
            if not self._has(parent):
                self._unseen.append((self._count, place, parent))
        self._awaited.update(task.depends_on)
        yield from self._id_problems(task.id, field)
        yield from self._too_long(task, field)
        yield from self._overwritten_results(task, field)
        self._count += 1

    def end(self, tasks: Sequence[TaskPlan]) -> Iterator[InvalidJobError]:
        """Yield an error for each rule that could only be checked now. `tasks` are all that were added."""
        for index, task_id in self._padded:
            twin = without_leading_zeros(task_id)
            if self._has(twin):
                yield InvalidJobError(
                    f"{task_id!r} and {twin!r} are the same number: Azure Batch takes one for the other "
                    "where tasks wait for them. Use another id",
                    field=f"tasks[{index}].id",
                )
        unknown = [one for one in self._unseen if not self._has(one[2])]
        for index, place, parent in unknown:
            yield InvalidJobError(
                f"there is no task {parent!r} in this job", field=f"tasks[{index}].dependsOn[{place}]"
            )
        # Tasks that only wait for earlier ones can't wait for each other.
        if self._unseen and not unknown and len(self._ids) == self._count:
            cycle = find_cycle(tasks)
            if cycle:
                yield InvalidJobError(
                    f"tasks wait for each other: {' → '.join(cycle)}. Remove one of these dependencies",
                    field="tasks",
                )

    def _has(self, task_id: str) -> bool:
        return self._ids.get(task_id.lower()) == task_id

    def _id_problems(self, task_id: str, field: str) -> Iterator[InvalidJobError]:
        key = task_id.lower()
        twin = self._ids.get(key)
        if twin is not None:
            yield InvalidJobError(
                f"{task_id!r} is taken by {twin!r}: Azure Batch ignores case in ids. Use another id",
                field=f"{field}.id",
            )
        else:
            self._ids[task_id if key == task_id else key] = task_id
        if task_id.startswith("0") and not INTEGER_ID.fullmatch(task_id):
            self._padded.append((self._count, task_id))

    def _too_long(self, task: TaskPlan, field: str) -> Iterator[InvalidJobError]:
        named = not_integers(task.depends_on)
        if characters(named) > MAX_DEPENDENCY_CHARACTERS:
            yield InvalidJobError(
                f"the ids of {len(named)} tasks have more than {MAX_DEPENDENCY_CHARACTERS} characters. Use "
                "integer ids (1, 2, 3, …), which are sent as ranges, or add tasks in between that wait for "
                "some of them each",
                field=f"{field}.dependsOn",
            )

    def _overwritten_results(self, task: TaskPlan, field: str) -> Iterator[InvalidJobError]:
        """Yield an error if this task's `outputs.json` would overwrite that of another: their results."""
        for file in outputs_of(self._job_id, task):
            other = self._writers.setdefault(file.blob_path, task.id)
            if other != task.id:
                yield InvalidJobError(
                    f"{other!r} and {task.id!r} would write their {file.source_file_path} to the same blob, "
                    f"{file.blob_path!r}: name another targetBlobPath or taskId",
                    field=f"{field}.outputFiles[{task.output_files.index(file)}]",
                )
