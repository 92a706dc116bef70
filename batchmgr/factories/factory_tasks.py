"""From a task factory to its tasks. Pure: the same factory and blobs always give the same tasks.

The tasks have the ids 1, 2, 3, …, which Azure Batch takes as ranges where others wait for them; the merge
task, which waits for all of them, is `merge`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.factories.sweep_values import check_number, combinations, range_values
from batchmgr.wire.factory_message import ParametricSweep, SweepParameter, TaskFactory, TaskPerFile
from batchmgr.wire.task_message import InputFileMessage, TaskMessage, TaskTemplate

MERGE_ID = "merge"
REPEAT_TASK = "taskFactory.repeatTask"
MERGE_TASK = "taskFactory.mergeTask"
PARAMETERS = "taskFactory.parameters"
SOURCE = "taskFactory.source"
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
FILE_NAMES = ("0", "name", "fileName", "stem", "url")


@dataclass(frozen=True, kw_only=True)
class SourceBlob:
    """A blob to make a task for: its whole name, and its URL without a signature."""

    name: str
    url: str


STAND_IN = SourceBlob(name="name", url="https://account.blob.core.windows.net/container/name")
"""A blob to try a factory with, before its own are known."""


def sweep_tasks(factory: ParametricSweep) -> tuple[TaskMessage, ...]:
    """The tasks of a sweep. Raises InvalidJobError that names the field of the message."""
    parameters = parameter_values(factory)
    names = tuple(parameters)
    rows = combinations(parameters, is_product=factory.combine == "product", field=PARAMETERS)
    indexes = tuple(map(str, range(len(names))))
    repeat = repeat_task(factory)
    values = (dict(zip(indexes + names, row + row, strict=True)) for row in rows)
    return _tasks(repeat, values, factory.merge_task)


def file_tasks(factory: TaskPerFile, blobs: Sequence[SourceBlob]) -> tuple[TaskMessage, ...]:
    """The tasks of a factory for these blobs. Raises InvalidJobError that names the field of the message."""
    if not blobs:
        raise InvalidJobError("there is no such blob: the job would have no tasks", field=SOURCE)
    check_number(len(blobs), field=SOURCE)
    return _tasks(repeat_task(factory), map(_file_values, blobs), factory.merge_task)


def parameter_values(factory: ParametricSweep) -> dict[str, tuple[str, ...]]:
    """What each parameter runs through, as texts. Raises InvalidJobError that names the parameter."""
    if not factory.parameters:
        raise InvalidJobError("name a parameter: the job would have no tasks", field=PARAMETERS)
    for name in factory.parameters:
        if not _PARAMETER.fullmatch(name):
            raise InvalidJobError(
                "a parameter's name is letters, digits and _, and begins with a letter",
                field=f"{PARAMETERS}.{name}",
            )
    return {name: _values(parameter, name) for name, parameter in factory.parameters.items()}


def repeat_task(factory: TaskFactory) -> RepeatTask:
    """The template of the tasks, with all that is wrong about it."""
    if isinstance(factory, TaskPerFile):
        return RepeatTask(_with_blob(factory), FILE_NAMES, field=REPEAT_TASK, from_outside=True)
    names = tuple(factory.parameters)
    return RepeatTask(factory.repeat_task, (*map(str, range(len(names))), *names), field=REPEAT_TASK)


def field_of(task: TaskMessage) -> str:
    """The field of the message that a task of a factory comes from."""
    return MERGE_TASK if task.id == MERGE_ID else REPEAT_TASK


def _tasks(
    repeat: RepeatTask, rows: Iterable[Mapping[str, str]], merge: TaskTemplate | None
) -> tuple[TaskMessage, ...]:
    tasks = tuple(repeat.task(str(number), values) for number, values in enumerate(rows, 1))
    _check_outputs(tasks)
    if merge is None:
        return tasks
    return (*tasks, merge.as_task(MERGE_ID, tuple(task.id for task in tasks)))


def _check_outputs(tasks: Sequence[TaskMessage]) -> None:
    """Refuse tasks of which one would write over the file that another one has kept."""
    for index, file in enumerate(tasks[0].output_files):
        if any(wildcard in file.source_file_path for wildcard in "*?["):
            continue
        writers: dict[str, str] = {}
        for task in tasks:
            path = task.output_files[index].target_blob_path
            if (other := writers.setdefault(path, task.id)) != task.id:
                raise InvalidJobError(
                    f"tasks {other} and {task.id} would write the same blob, {path!r}: put placeholders in "
                    "it to tell them apart",
                    field=f"{REPEAT_TASK}.outputFiles[{index}].targetBlobPath",
                )


def _values(parameter: SweepParameter, name: str) -> tuple[str, ...]:
    field = f"{PARAMETERS}.{name}"
    start, end = parameter.start, parameter.end
    if parameter.values is not None:
        if not (start is None and end is None and parameter.step is None):
            raise InvalidJobError("give either values, or start and end", field=field)
        if not parameter.values:
            raise InvalidJobError("there are no values: the job would have no tasks", field=f"{field}.values")
        values = tuple(map(str, parameter.values))
        for index, value in enumerate(values):
            if "\0" in value:
                raise InvalidJobError("must not hold a NUL character", field=f"{field}.values[{index}]")
        return values
    if start is None or end is None:
        raise InvalidJobError("give values, or start and end", field=field)
    return range_values(start, end, Decimal(1) if parameter.step is None else parameter.step, field=field)


def _with_blob(factory: TaskPerFile) -> TaskTemplate:
    """The template with the blob as an input file: where it says so, else under the blob's own name."""
    template, source = factory.repeat_task, factory.source
    blob = InputFileMessage(
        source_blob_path="{name}",
        target_file_path="{name}",
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
        identity_reference=source.identity_reference,
    )
    files = tuple(
        replace(blob, target_file_path=file.target_file_path) if file.http_url == "{url}" else file
        for file in template.input_files
    )
    if any("{" in (file.source_blob_path + file.http_url).replace("{{", "") for file in files):
        return replace(template, input_files=files)
    return replace(template, input_files=(*files, blob))


def _file_values(blob: SourceBlob) -> dict[str, str]:
    file_name = blob.name.rpartition("/")[2]
    stem = file_name.rpartition(".")[0] or file_name
    return {"0": blob.name, "name": blob.name, "fileName": file_name, "stem": stem, "url": blob.url}
