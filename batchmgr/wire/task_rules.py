"""The rules that each task of a message must keep by itself. Each broken rule names its field."""

import re
from collections.abc import Iterator
from datetime import timedelta

from batchmgr.errors import InvalidJobError
from batchmgr.model.ids import is_valid_id
from batchmgr.wire.task_message import TaskMessage

RESERVED_PREFIX = "batchmgr-"
ID_RULE = "must be 1 to 64 of A-Z a-z 0-9 _ -"
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def broken_by_task(task: TaskMessage, field: str) -> Iterator[InvalidJobError]:
    """Every rule that one task breaks by itself. `field` is where it comes from, such as `tasks[0]`."""
    if not is_valid_id(task.id):
        yield InvalidJobError(ID_RULE, field=f"{field}.id")
    if task.id.lower().startswith(RESERVED_PREFIX):
        yield InvalidJobError(f"ids that begin with {RESERVED_PREFIX} are reserved", field=f"{field}.id")
    if "\0" in task.command_line or not task.command_line.strip():
        yield InvalidJobError("must be a command", field=f"{field}.commandLine")
    for name, value in task.environment.items():
        if not _ENVIRONMENT_NAME.fullmatch(name) or "\0" in value:
            yield InvalidJobError("not an environment variable", field=f"{field}.environment.{name}")
        if name.upper().startswith("AZ_BATCH_"):
            yield InvalidJobError(
                "AZ_BATCH_ variables are set by Azure Batch", field=f"{field}.environment.{name}"
            )
    yield from broken_time(task.max_wall_clock_time, f"{field}.maxWallClockTime")


def broken_time(value: timedelta | None, field: str) -> Iterator[InvalidJobError]:
    """A time that is none to wait for."""
    if value is not None and value <= timedelta(0):
        yield InvalidJobError("must be longer than zero, such as PT6H", field=field)
