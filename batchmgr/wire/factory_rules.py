"""The rules that a task factory must keep by itself. Each broken rule names its field."""

from collections.abc import Iterator

from batchmgr.errors import InvalidJobError
from batchmgr.model.paths import check_input_file
from batchmgr.model.plan import InputFile
from batchmgr.wire.task_expansion import (
    MERGE_ID,
    MERGE_TASK,
    REPEAT_TASK,
    SOURCE,
    parameter_values,
    repeat_task,
)
from batchmgr.wire.task_factory import BlobSource, ParametricSweep, TaskFactory
from batchmgr.wire.task_rules import broken_by_task


def broken_by_factory(factory: TaskFactory) -> Iterator[InvalidJobError]:
    """Every rule that the factory breaks, one by one."""
    try:
        if isinstance(factory, ParametricSweep):
            parameter_values(factory)
        else:
            _check_source(factory.source)
    except InvalidJobError as error:
        yield error
    yield from broken_by_task(factory.repeat_task.as_task("1"), REPEAT_TASK)
    yield from repeat_task(factory).problems
    if factory.merge_task is not None:
        yield from broken_by_task(factory.merge_task.as_task(MERGE_ID), MERGE_TASK)


def _check_source(source: BlobSource) -> None:
    blob = InputFile(
        target_file_path="name",
        source_blob_path="name",
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
    )
    check_input_file(blob, field=SOURCE)
