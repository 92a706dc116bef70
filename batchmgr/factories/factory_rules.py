"""The rules for task factories. Each problem names its field."""

from collections.abc import Iterator

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import MERGE_TASK, REPEAT_TASK
from batchmgr.factories.parametric_sweep import check_parameters, sweep_repeat_task
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.factories.task_per_file import SOURCE, file_repeat_task
from batchmgr.plan.file_rules import check_input_file
from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.task_rules import task_problems
from batchmgr.wire.factory_message import BlobSource, ParametricSweep, TaskFactory
from batchmgr.wire.task_message import TaskTemplate
from batchmgr.wire.task_plans import plan_task


def factory_problems(factory: TaskFactory) -> Iterator[InvalidJobError]:
    """Yield every rule that the factory breaks, before any blob is listed."""
    try:
        if isinstance(factory, ParametricSweep):
            check_parameters(factory)
        else:
            _check_source(factory.source)
    except InvalidJobError as error:
        yield error
    yield from _template_problems(factory.repeat_task, REPEAT_TASK)
    yield from _repeat_task(factory).problems
    if factory.merge_task is not None:
        yield from _template_problems(factory.merge_task, MERGE_TASK)


def _repeat_task(factory: TaskFactory) -> RepeatTask:
    if isinstance(factory, ParametricSweep):
        return sweep_repeat_task(factory)
    return file_repeat_task(factory)


def _template_problems(template: TaskTemplate, field: str) -> Iterator[InvalidJobError]:
    """Yield what is wrong with every task of the template. Files are checked after they are filled in."""
    without_files = replace(template, input_files=(), output_files=())
    yield from task_problems(plan_task("", without_files.as_task("1")), field)


def _check_source(source: BlobSource) -> None:
    blob = InputFileSpecification(
        target_file_path="name",
        source_blob_path="name",
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
    )
    check_input_file(blob, field=SOURCE)
