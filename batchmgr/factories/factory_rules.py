"""The rules that a task factory must keep by itself. Each broken rule names its field."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import (
    MERGE_TASK,
    REPEAT_TASK,
    SOURCE,
    parameter_values,
    repeat_task,
)
from batchmgr.plan.files import InputFileSpecification
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.plan.path_rules import check_input_file
from batchmgr.plan.task_rules import task_problems
from batchmgr.wire.factory_message import BlobSource, ParametricSweep, TaskFactory
from batchmgr.wire.task_message import TaskTemplate


def broken_by_factory(factory: TaskFactory) -> Iterator[InvalidJobError]:
    """Every rule that the factory breaks, one by one."""
    try:
        if isinstance(factory, ParametricSweep):
            parameter_values(factory)
        else:
            _check_source(factory.source)
    except InvalidJobError as error:
        yield error
    yield from _broken_by_template(factory.repeat_task, REPEAT_TASK)
    yield from repeat_task(factory).problems
    if factory.merge_task is not None:
        yield from _broken_by_template(factory.merge_task, MERGE_TASK)


def _broken_by_template(template: TaskTemplate, field: str) -> Iterator[InvalidJobError]:
    """What can't be in any task that is made of it; its files are known when it is filled in."""
    without_files = replace(template, input_files=(), output_files=())
    task = msgspec.convert(without_files.as_task("1"), TaskPlan, from_attributes=True)
    yield from task_problems(task, field)


def _check_source(source: BlobSource) -> None:
    blob = InputFileSpecification(
        target_file_path="name",
        source_blob_path="name",
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
    )
    check_input_file(blob, field=SOURCE)
