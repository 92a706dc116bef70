"""What a running task reports: its progress, and its result."""

from datetime import datetime

import msgspec


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    """The newest progress report of one task.

    `sequence` orders the reports of a task. `time` is when storage received the report. `fraction` is 0 to 1.
    `result_key` is empty until the task has published a result; another result has another key.
    """

    task_id: str
    sequence: str
    time: datetime
    fraction: float | None = None
    message: str = ""
    result_key: str = ""


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result that a task has published."""

    task_id: str
    result: dict[str, object]
