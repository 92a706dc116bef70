"""What a running task reports: its progress, and its result."""

from datetime import datetime

import msgspec

from batchmgr.plan.cut_text import cut
from batchmgr.plan.ids import is_valid_id
from batchmgr.workload.progress_reporter import MAX_MESSAGE

MAX_KEY = 64


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    """The newest progress report of one task.

    `version` is storage's own word, not the node's: every report has another one. `time` is when storage
    received the report. `fraction` is 0 to 1. `result_key` is empty until the task has published a result;
    another result has another key.
    """

    task_id: str
    version: str
    time: datetime
    fraction: float | None = None
    message: str = ""
    result_key: str = ""


def progress_report(
    *,
    task_id: str,
    version: str,
    time: datetime,
    fraction: float | None,
    message: str,
    result_key: str,
) -> ProgressReport | None:
    """Return the report that somebody has left in a job's container, or None if it can be no task's report.

    Whoever may write to the container can leave anything there: so texts are cut, and a fraction that is not
    from 0 to 1 is left out.
    """
    if not is_valid_id(task_id):
        return None
    is_fraction = fraction is not None and 0 <= fraction <= 1  # nan is not
    return ProgressReport(
        task_id=task_id,
        version=version[:MAX_KEY],
        time=time,
        fraction=fraction if is_fraction else None,
        message=cut(message, MAX_MESSAGE),
        result_key=cut(result_key, MAX_KEY),
    )


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result that a task has published."""

    task_id: str
    result: dict[str, object]
