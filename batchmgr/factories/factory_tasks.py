"""What both kinds of task factory share: their tasks, which are made one by one, and the limits.

The tasks have the ids 1, 2, 3, …: if a task depends on them, Azure Batch takes these ids as one range. The
merge task has the id `merge` and depends on all of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.lazy_sequence import LazySequence
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.task_message import TaskTemplate
from batchmgr.wire.task_plans import plan_task

MAX_TASKS = 100_000
"""How many tasks a factory may make for one job."""

MAX_BYTES = 1_000_000_000
"""How many bytes the tasks of a factory may take on their way to Azure Batch: to send them takes minutes."""

A_TRILLION = 10**12
"""From here on, nobody needs the exact number."""

MERGE_ID = "merge"
REPEAT_TASK = "taskFactory.repeatTask"
MERGE_TASK = "taskFactory.mergeTask"

Row = Mapping[str, str]
"""The values of one task, by placeholder."""


class FactoryTasks(LazySequence[TaskPlan]):
    """The tasks of a factory: one for each row of values, then the merge task, if there is one.

    Each is made when it is asked for, and kept by nobody: 100,000 tasks take no memory. To ask again gives
    the same task. `typical` are the numbers of rows that stand for all the others: if their tasks keep a
    rule, all do.

    Raise InvalidJobError, which names the field, if a row can't be filled in, or if two tasks would write the
    same blob.
    """

    def __init__(
        self,
        repeat_task: RepeatTask,
        rows: Sequence[Row],
        merge_task: TaskPlan | None,
        typical: Iterable[int],
    ) -> None:
        self._repeat_task = repeat_task
        self._rows = rows
        self._merge_task = merge_task
        tasks = tuple(self._make(number) for number in typical)
        if merge_task is not None:
            tasks += (replace(merge_task, depends_on=tuple(task.id for task in tasks)),)
        self.examples = tasks
        """Tasks that stand for all, in order. Their merge task depends on these examples only."""

        repeat_task.check_outputs(rows)

    @property
    def leaves(self) -> tuple[str, ...]:
        """The ids of the tasks that no other task waits for."""
        return self._ids if self._merge_task is None else (MERGE_ID,)

    def __len__(self) -> int:
        return len(self._rows) + (self._merge_task is not None)

    def _make(self, number: int) -> TaskPlan:
        if self._merge_task is not None and number == len(self._rows):
            return replace(self._merge_task, depends_on=self._ids)
        return self._repeat_task.fill(str(number + 1), self._rows[number])

    @property
    def _ids(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(1, len(self._rows) + 1))


def typical_rows(repeat_task: RepeatTask, rows: Sequence[Row], names: Collection[str]) -> Sequence[int]:
    """Return the places of the rows that stand for all: the longest, and those with a value that isn't plain.

    `names` are the placeholders whose values the others follow from. See `typical_values`.
    """
    if not repeat_task.is_regular:
        return range(len(rows))
    unlike = {
        place for place, row in enumerate(rows) if not all(repeat_task.takes_any(row[name]) for name in names)
    }
    return sorted({0, *repeat_task.longest(rows), *unlike})


def plan_merge_task(job_id: str, template: TaskTemplate | None) -> TaskPlan | None:
    """Return the merge task of a factory, without its dependencies; None if it has none."""
    return None if template is None else plan_task(job_id, template.as_task(MERGE_ID))


def template_field(task: TaskPlan) -> str:
    """Return the field of the job message that holds the template of this task."""
    return MERGE_TASK if task.id == MERGE_ID else REPEAT_TASK


def check_bytes(size: int, count: int) -> None:
    """Raise InvalidJobError if tasks of a factory take too much. `size` is that of the largest of `count`."""
    if size * count > MAX_BYTES:
        raise InvalidJobError(
            f"its {count:,} tasks of up to {size:,} bytes may take more than {MAX_BYTES:,} bytes: put data "
            "in blobs and name them in inputFiles, or split the job into several jobs",
            field=REPEAT_TASK,
        )


def check_task_count(count: int, *, field: str) -> None:
    """Raise InvalidJobError if a factory would make more than `MAX_TASKS` tasks."""
    if count > MAX_TASKS:
        number = f"{count:,}" if count < A_TRILLION else "more than a trillion"
        raise InvalidJobError(
            f"would make {number} tasks; a job can have {MAX_TASKS:,} at most: split it into several jobs",
            field=field,
        )
