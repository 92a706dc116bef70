"""The one reader of what tasks leave: streams, error reports, results, and the plan of a job manager task.

Nodes run foreign code, so nothing that they leave is trusted. Of each file, no more than a known number of
bytes is read. Bytes that are not UTF-8 become question marks. What can't be used is no report, no result or
an invalid plan; it is never an exception that stops the job. Only ServiceBusyError passes: then the same call
works later.
"""

import logging
import re

import msgspec

from batchmgr.errors import FileTooLargeError, InvalidJobError, ServiceBusyError, ServiceError
from batchmgr.model.task_progress import TaskResult
from batchmgr.plan.job_plan import (
    MAX_PLANNED_BYTES,
    PLANNED_TASKS_FILE,
    REPORTS_FOLDER,
    TASK_ERROR_FILE,
)
from batchmgr.ports import Ports
from batchmgr.workload.progress_reporter import (
    MAX_REPORT_BYTES,
    MAX_RESULT_BYTES,
    MAX_RESULT_DEPTH,
    depth,
)
from batchmgr.workload.task_error_report import TaskErrorReport

logger = logging.getLogger(__name__)

STDERR = "stderr.txt"
STDERR_BYTES = 2048
ERROR_REPORT_BYTES = 64 * 1024
ERROR_REPORT_START = 32 * 1024
"""Of a larger error report, the first 32 KiB and the last 32 KiB are read: its long text is in between."""

_SEAM = re.compile(rb'[^\\"]{6}')
"""Six bytes in a text of JSON, after which no escape sequence can be open: the longest is \\u0000."""


async def read_stderr(ports: Ports, job_id: str, task_id: str) -> str:
    """Return the end of what a task has written to stderr: from its node, or else from what is kept of it.

    Raise ServiceError if that can't be read.
    """
    body = await ports.batch.read_file(job_id, task_id, STDERR, STDERR_BYTES)
    if not body and ports.keep_streams:
        kept = await ports.kept_files.find(job_id, task_id, STDERR)
        size = kept.size if kept else 0
        body = await ports.kept_files.read(job_id, task_id, STDERR, max(0, size - STDERR_BYTES), size)
    return body.decode(errors="replace")


async def read_error_report(ports: Ports, job_id: str, task_id: str) -> TaskErrorReport | None:
    """Return a failed task's own error report, or None if it left none that can be used.

    Raise ServiceError if it can't be read.
    """
    path = f"wd/{TASK_ERROR_FILE}"
    return error_report(
        await ports.batch.read_file(job_id, task_id, path, ERROR_REPORT_BYTES, from_start=ERROR_REPORT_START)
    )


def error_report(body: bytes) -> TaskErrorReport | None:
    """Return the report in an error file of which the middle may be missing."""
    if len(body) < ERROR_REPORT_BYTES:
        return TaskErrorReport.from_json(body)
    return TaskErrorReport.from_json(body) or TaskErrorReport.from_json(
        joined(body[:ERROR_REPORT_START], body[ERROR_REPORT_START:])
    )


def joined(head: bytes, tail: bytes) -> bytes:
    """Return the two ends of a JSON text as one, without the halves of escape sequences where it was cut."""
    before = [match.end() for match in _SEAM.finditer(head)]
    after = _SEAM.search(tail)
    return head[: before[-1] if before else 0] + tail[after.end() if after else len(tail) :]


async def read_result(ports: Ports, job_id: str, task_id: str) -> TaskResult | None:
    """Return the result that a task has published, or None if it is none that a workload could publish."""
    try:
        body = await ports.files.read(job_id, f"{REPORTS_FOLDER}/{task_id}.json", MAX_REPORT_BYTES)
    except (FileTooLargeError, ServiceError) as error:
        if isinstance(error, ServiceBusyError):
            raise
        logger.warning("the result of task %s of job %s can't be read: %s", task_id, job_id, error)
        return None
    found = result(body or b"")
    if found is None:
        logger.warning("task %s of job %s has left something that is no result", task_id, job_id)
        return None
    return TaskResult(task_id=task_id, result=found)


async def read_outputs(ports: Ports, job_id: str, task_id: str, path: str) -> TaskResult | None:
    """Return the result that a task's command has written to a file, which is now this blob of the job.

    None if there is none, or one that a workload could not publish either.
    """
    try:
        body = await ports.files.read(job_id, path, MAX_REPORT_BYTES)
    except (FileTooLargeError, ServiceError) as error:
        if isinstance(error, ServiceBusyError):
            raise
        logger.warning("%s of task %s of job %s can't be read: %s", path, task_id, job_id, error)
        return None
    if body is None:
        return None
    found = allowed(decoded(body))
    if found is None:
        logger.warning("%s of task %s of job %s is no object of 32 KiB at most", path, task_id, job_id)
        return None
    return TaskResult(task_id=task_id, result=found)


def result(body: bytes) -> dict[str, object] | None:
    """Return the result in a task's report, or None if there is none that the programming model allows."""
    report = decoded(body)
    return allowed(report.get("result")) if isinstance(report, dict) else None


def decoded(body: bytes) -> object:
    """Return the JSON value that a node has left, or None if it is none."""
    try:
        return msgspec.json.decode(body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None


def allowed(value: object) -> dict[str, object] | None:
    """Return a value if the programming model allows it as a task's result, else None."""
    if not isinstance(value, dict) or depth(value, MAX_RESULT_DEPTH) > MAX_RESULT_DEPTH:
        return None
    return value if len(msgspec.json.encode(value)) <= MAX_RESULT_BYTES else None


async def read_planned_tasks(ports: Ports, job_id: str, *, field: str) -> bytes | None:
    """Return the file in which a job manager task has planned the job, or None if there is none.

    Raise InvalidJobError, about `field`, for a file that is too large or can't be read.
    """
    try:
        return await ports.files.read(job_id, PLANNED_TASKS_FILE, MAX_PLANNED_BYTES)
    except (FileTooLargeError, ServiceError) as error:
        if isinstance(error, ServiceBusyError):
            raise
        text = f"the plan of the job manager task can't be read: {error}"
        raise InvalidJobError(text, field=field) from error
