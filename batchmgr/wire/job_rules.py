"""The rules a decoded job message must keep, beyond its types. Each broken rule names its field."""

import re
from collections.abc import Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from batchmgr.errors import InvalidJobError
from batchmgr.model.ids import is_valid_id
from batchmgr.model.paths import is_web_url
from batchmgr.wire.job_message import JobMessage, TaskMessage

RESERVED_PREFIX = "batchmgr-"
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")
_ID_RULE = "must be 1 to 64 of A-Z a-z 0-9 _ -"


def check_job(message: JobMessage) -> None:
    """Raise InvalidJobError for the first rule the message breaks."""
    if message.job_id and not is_valid_id(message.job_id):
        raise InvalidJobError(_ID_RULE, field="jobId")
    if bool(message.workload) == bool(message.tasks):
        raise InvalidJobError("give either a workload or tasks", field="workload")
    if message.inputs and message.tasks:
        raise InvalidJobError("inputs belong to a workload; tasks carry their own", field="inputs")
    if message.call_back_uri and not is_web_url(message.call_back_uri):
        raise InvalidJobError("must be an absolute http or https URL", field="callBackUri")
    for index, pattern in enumerate(message.notify):
        if not _NOTIFY.fullmatch(pattern):
            raise InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"notify[{index}]"
            )
    _check_time(message.max_wall_clock_time, "maxWallClockTime")
    _check_tasks(message.tasks)


def _check_tasks(tasks: Sequence[TaskMessage]) -> None:
    seen: dict[str, str] = {}
    for index, task in enumerate(tasks):
        _check_task(task, f"tasks[{index}]")
        twin = seen.setdefault(task.id.lower(), task.id)
        if index and twin is not task.id:
            raise InvalidJobError(
                f"{task.id!r} is taken by {twin!r}: Azure Batch ignores case in ids",
                field=f"tasks[{index}].id",
            )
    ids = {task.id for task in tasks}
    for index, task in enumerate(tasks):
        for place, parent in enumerate(task.depends_on):
            if parent not in ids:
                raise InvalidJobError(
                    f"there is no task {parent!r}", field=f"tasks[{index}].dependsOn[{place}]"
                )
    try:
        TopologicalSorter({task.id: task.depends_on for task in tasks}).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InvalidJobError(f"tasks wait for each other: {circle}", field="tasks") from error


def _check_task(task: TaskMessage, field: str) -> None:
    if not is_valid_id(task.id):
        raise InvalidJobError(_ID_RULE, field=f"{field}.id")
    if task.id.lower().startswith(RESERVED_PREFIX):
        raise InvalidJobError(f"ids that begin with {RESERVED_PREFIX} are reserved", field=f"{field}.id")
    if "\0" in task.command_line or not task.command_line.strip():
        raise InvalidJobError("must be a command", field=f"{field}.commandLine")
    for name, value in task.environment.items():
        if not _ENVIRONMENT_NAME.fullmatch(name) or "\0" in value:
            raise InvalidJobError("not an environment variable", field=f"{field}.environment.{name}")
        if name.upper().startswith("AZ_BATCH_"):
            raise InvalidJobError(
                "AZ_BATCH_ variables are set by Azure Batch", field=f"{field}.environment.{name}"
            )
    _check_time(task.max_wall_clock_time, f"{field}.maxWallClockTime")


def _check_time(value: timedelta | None, field: str) -> None:
    if value is not None and value <= timedelta(0):
        raise InvalidJobError("must be longer than zero, such as PT6H", field=field)
