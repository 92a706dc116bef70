"""The rules a decoded job message must keep, beyond its types. Each broken rule names its field."""

import re
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from batchmgr.errors import InvalidJobError
from batchmgr.model.ids import is_valid_id
from batchmgr.model.paths import is_web_url
from batchmgr.wire.factory_rules import broken_by_factory
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import TaskMessage
from batchmgr.wire.task_rules import ID_RULE, broken_by_task, broken_time

_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")


def check_job(message: JobMessage) -> None:
    """Raise InvalidJobError for the first rule the message breaks."""
    for problem in broken_rules(message):
        raise problem


def broken_rules(message: JobMessage) -> Iterator[InvalidJobError]:
    """Every rule that the message breaks, one by one."""
    if message.job_id and not is_valid_id(message.job_id):
        yield InvalidJobError(ID_RULE, field="jobId")
    described = [bool(message.workload), bool(message.tasks), message.task_factory is not None]
    if described.count(True) != 1:
        yield InvalidJobError("give one of workload, tasks and taskFactory", field="workload")
    if message.inputs and not message.workload:
        yield InvalidJobError("inputs belong to a workload; tasks carry their own", field="inputs")
    if message.call_back_uri and not is_web_url(message.call_back_uri):
        yield InvalidJobError("must be an absolute http or https URL", field="callBackUri")
    for index, pattern in enumerate(message.notify):
        if not _NOTIFY.fullmatch(pattern):
            yield InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"notify[{index}]"
            )
    yield from broken_time(message.max_wall_clock_time, "maxWallClockTime")
    yield from _broken_by_tasks(message.tasks)
    if message.task_factory is not None:
        yield from broken_by_factory(message.task_factory)


def _broken_by_tasks(tasks: Sequence[TaskMessage]) -> Iterator[InvalidJobError]:
    seen: dict[str, str] = {}
    for index, task in enumerate(tasks):
        yield from broken_by_task(task, f"tasks[{index}]")
        twin = seen.setdefault(task.id.lower(), task.id)
        if index and twin is not task.id:
            yield InvalidJobError(
                f"{task.id!r} is taken by {twin!r}: Azure Batch ignores case in ids",
                field=f"tasks[{index}].id",
            )
    ids = {task.id for task in tasks}
    for index, task in enumerate(tasks):
        for place, parent in enumerate(task.depends_on):
            if parent not in ids:
                yield InvalidJobError(
                    f"there is no task {parent!r}", field=f"tasks[{index}].dependsOn[{place}]"
                )
    try:
        TopologicalSorter({task.id: task.depends_on for task in tasks}).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        yield InvalidJobError(f"tasks wait for each other: {circle}", field="tasks")
