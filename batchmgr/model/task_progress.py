"""What a task on a node tells of itself while it runs."""

from datetime import datetime

import msgspec


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    """The newest report of one task, as one listing tells it.

    `sequence` orders the reports of a task; `time` is when storage took it. `result_key` is empty until the
    task has published a result, and different for each.
    """

    task_id: str
    sequence: str
    time: datetime
    fraction: float | None = None
    message: str = ""
    result_key: str = ""


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a task has published."""

    task_id: str
    result: dict[str, object]
