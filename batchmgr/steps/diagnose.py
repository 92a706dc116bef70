"""Diagnose: why a task failed, from what it left on its node: its own error report and the end of stderr.

Where Azure Batch ended the task, the reason is looked up: Azure Batch itself says "ended by user request" for
a task that took too long, and for one whose job was ended.
"""

import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from msgspec.structs import replace

from batchmgr.errors import ServiceError
from batchmgr.model.batch_snapshots import BAD_INPUT, EXIT_CODE, TASK_ENDED, TaskError, TaskSnapshot
from batchmgr.model.job_outcome import CANCELLED, OWN_REASONS, WALL_CLOCK_EXPIRED
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.plan.cut_text import cut
from batchmgr.ports import Ports
from batchmgr.steps.read_node_files import read_error_report, read_stderr
from batchmgr.workload.task_error_report import INFRASTRUCTURE, INPUT, RETRYABLE, TaskErrorReport

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_DIAGNOSED = 20
"""How many failed tasks of a job are looked at on their nodes; the others keep what Azure Batch says."""

NEARLY = 0.95
"""A task whose time was up has run this part of its limit at least: the times are those of the node."""

BY_REQUEST = frozenset({"UserTerminate", CANCELLED})
"""Terminate reasons of a job that somebody has asked to end."""

TIME_LIMIT = "TimeLimit"
"""The category of a task that took too long, or whose job did."""

ACCESS_DENIED = frozenset({"BlobAccessDenied", "ResourceContainerAccessDenied", "FileUploadAccessDenied"})
"""Azure Batch's codes for a task whose files could not be read or written, because nothing allowed it."""

CATEGORIES = {INPUT: BAD_INPUT, RETRYABLE: "Retryable", INFRASTRUCTURE: "Infrastructure"}
"""What a workload's task says of its failure, by the kind in its report; else Azure Batch's word counts."""

MAX_MESSAGE = 1900
"""The room that a message leaves for what batchmgr adds to it, in bytes of JSON."""


async def diagnose(ports: Ports, record: JobRecord, task: TaskSnapshot) -> FailedTask:
    """What is known of a failed task. A node that is gone takes nothing but detail away."""
    job_id, ends_at = record.job_id, record.run.signatures_end
    stderr = await _if_readable(read_stderr(ports, job_id, task.task_id), job_id)
    report = await _if_readable(read_error_report(ports, job_id, task.task_id), job_id)
    error = error_of(task, await _said(ports, job_id, task), stderr or "", report)
    if error.type in ACCESS_DENIED and ends_at is not None and ends_at <= task.state_transition_time:
        text = f"{error.message} (its signatures had ended at {ends_at:%Y-%m-%d %H:%M} UTC)"
        error = replace(error, message=text)
    return FailedTask.of(replace(task, error=error))


async def _if_readable(reading: Awaitable[T], job_id: str) -> T | None:
    try:
        return await reading
    except ServiceError as error:
        logger.warning("a file of a failed task of job %s can't be read: %s", job_id, error)
        return None


def error_of(
    task: TaskSnapshot, said: TaskError | None, stderr: str, told: TaskErrorReport | None
) -> TaskError:
    """Return why a task failed: from what Azure Batch says, the end of stderr, and its own error report."""
    last_words = stderr.strip().rpartition("\n")[2]
    message = said.message if said else ""
    if task.exit_code and (said is None or said.type == EXIT_CODE):
        # Azure Batch only says that there was an exit code; the program itself says more.
        message = f"exit code {task.exit_code}" + (f": {last_words}" if last_words else "")
    message = cut(message, MAX_MESSAGE)
    again = f" (after {task.retry_count} retries)" if task.retry_count else ""
    fallback = TaskError(
        type=said.type if said else EXIT_CODE,
        message=message + again,
        category=said.category if said else "",
        stderr=stderr,
    )
    if told is None:
        return fallback
    if told.kind == RETRYABLE and not task.retry_count:
        again = " (not tried again: its max_task_retry_count is 0)"
    return TaskError(
        type=told.type,
        message=cut(told.message, MAX_MESSAGE) + again,
        category=CATEGORIES.get(told.kind, fallback.category),
        traceback=told.traceback,
        stderr=stderr,
        field=told.field,
    )


async def _said(ports: Ports, job_id: str, task: TaskSnapshot) -> TaskError | None:
    """Return what Azure Batch says about the failure; for a task that it has ended, the reason."""
    said = task.error
    if said is None or said.type != TASK_ENDED:
        return said
    try:
        limit = await ports.batch.time_limit(job_id, task.task_id)
        if limit is not None and _run_time(task) >= limit * NEARLY:
            text = "The task ran longer than its maxWallClockTime and was ended"
            return TaskError(type=TASK_ENDED, message=text, category=TIME_LIMIT)
        return _ended_with_job((await ports.batch.get_job(job_id)).terminate_reason, said)
    except ServiceError as error:
        logger.warning("why task %s of job %s was ended can't be read: %s", task.task_id, job_id, error)
        return said


def _run_time(task: TaskSnapshot) -> timedelta:
    return task.end_time - task.start_time if task.start_time and task.end_time else timedelta(0)


def _ended_with_job(reason: str, said: TaskError) -> TaskError:
    """Return why a task was ended that had not reached its own time limit."""
    if reason == WALL_CLOCK_EXPIRED:
        text = "The task was ended, because the job took longer than its maxWallClockTime"
        return TaskError(type=TASK_ENDED, message=text, category=TIME_LIMIT)
    if reason in OWN_REASONS or reason in BY_REQUEST:
        return TaskError(type=TASK_ENDED, message="Task Was Ended by User Request", category=said.category)
    return TaskError(type=TASK_ENDED, message=f"The task was ended with its job ({reason})")
