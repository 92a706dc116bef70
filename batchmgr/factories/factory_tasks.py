"""What both kinds of task factory share: the ids of their tasks, the merge task, and the limits.

The tasks have the ids 1, 2, 3, …: if a task depends on them, Azure Batch takes these ids as one range. The
merge task has the id `merge` and depends on all of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.wire.task_message import TaskMessage, TaskTemplate

MAX_TASKS = 100_000
"""How many tasks a factory may make for one job."""

A_TRILLION = 10**12
"""From here on, nobody needs the exact number."""

MAX_BYTES = 128_000_000
"""How many bytes of JSON the tasks of a factory may take. A function has 2 GB of memory, for several jobs."""

MERGE_ID = "merge"
REPEAT_TASK = "taskFactory.repeatTask"
MERGE_TASK = "taskFactory.mergeTask"


def build_tasks(
    repeat_task: RepeatTask, rows: Iterable[Mapping[str, str]], merge_task: TaskTemplate | None
) -> tuple[TaskMessage, ...]:
    """Return a task for each row of values, and the merge task if there is one. There is at least one row.

    Raise InvalidJobError, which names the field, if a row can't be filled in, or if two tasks would write the
    same blob.
    """
    tasks = tuple(_bounded(repeat_task.fill(str(number), values) for number, values in enumerate(rows, 1)))
    _check_outputs(tasks)
    if merge_task is None:
        return tasks
    return (*tasks, merge_task.as_task(MERGE_ID, tuple(task.id for task in tasks)))


def _bounded(tasks: Iterable[TaskMessage]) -> Iterator[TaskMessage]:
    """Yield the tasks. Raise InvalidJobError as soon as they take too many bytes."""
    size = 0
    for task in tasks:
        size += len(msgspec.json.encode(task))
        if size > MAX_BYTES:
            raise InvalidJobError(
                f"its tasks would take more than {MAX_BYTES:,} bytes as JSON: put data in blobs and name "
                "them in inputFiles, or split the job into several jobs",
                field=REPEAT_TASK,
            )
        yield task


def template_field(task: TaskMessage) -> str:
    """Return the field of the job message that holds the template of this task."""
    return MERGE_TASK if task.id == MERGE_ID else REPEAT_TASK


def check_task_count(count: int, *, field: str) -> None:
    """Raise InvalidJobError if a factory would make more than `MAX_TASKS` tasks."""
    if count > MAX_TASKS:
        number = f"{count:,}" if count < A_TRILLION else "more than a trillion"
        raise InvalidJobError(
            f"would make {number} tasks; a job can have {MAX_TASKS:,} at most: split it into several jobs",
            field=field,
        )


def _check_outputs(tasks: Sequence[TaskMessage]) -> None:
    """Raise InvalidJobError if one task would overwrite the output file of another."""
    for index, file in enumerate(tasks[0].output_files):
        if any(wildcard in file.source_file_path for wildcard in "*?["):
            continue
        writers: dict[str, str] = {}
        for task in tasks:
            path = task.output_files[index].target_blob_path
            if (other := writers.setdefault(path, task.id)) != task.id:
                raise InvalidJobError(
                    f"tasks {other} and {task.id} would write the same blob, {path!r}: add placeholders so "
                    "that each task writes a blob of its own",
                    field=f"{REPEAT_TASK}.outputFiles[{index}].targetBlobPath",
                )
