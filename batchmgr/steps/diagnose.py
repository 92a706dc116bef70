"""Diagnose: why a task failed, from what it left on its node: its own error report and the end of stderr."""

import logging

from batchmgr.errors import ServiceError
from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.plan.cut_text import cut
from batchmgr.plan.job_plan import TASK_ERROR_FILE
from batchmgr.ports import Ports
from batchmgr.workload.task_error_report import INFRASTRUCTURE, INPUT, RETRYABLE, TaskErrorReport

logger = logging.getLogger(__name__)

MAX_DIAGNOSED = 20
"""How many failed tasks of a job are looked at on their nodes; the others keep what Azure Batch says."""

EXIT_CODE = "FailureExitCode"
"""Azure Batch's code for a task that ended with another exit code than 0."""

CATEGORIES = {INPUT: "BadInput", RETRYABLE: "Retryable", INFRASTRUCTURE: "Infrastructure"}
"""What a workload's task says of its failure, by the kind in its report; else Azure Batch's word counts."""

MAX_STDERR = 2048
MAX_REPORT = 16 * 1024
MAX_MESSAGE = 1900
"""The room that a message leaves for what batchmgr adds to it, in bytes of JSON."""


async def diagnose(ports: Ports, job_id: str, task: TaskSnapshot) -> FailedTask:
    """What is known of a failed task. A node that is gone takes nothing but detail away."""
    try:
        stderr = await ports.batch.read_file(job_id, task.task_id, "stderr.txt", MAX_STDERR)
        report = await ports.batch.read_file(job_id, task.task_id, f"wd/{TASK_ERROR_FILE}", MAX_REPORT)
    except ServiceError as error:
        logger.warning("files of task %s of job %s can't be read: %s", task.task_id, job_id, error)
        stderr = report = b""
    return FailedTask(
        task_id=task.task_id,
        display_name=task.display_name,
        exit_code=task.exit_code,
        error=_error(task, stderr.decode(errors="replace"), report),
    )


def _error(task: TaskSnapshot, stderr: str, report: bytes) -> TaskError:
    said = task.error
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
    told = TaskErrorReport.from_json(report)
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
