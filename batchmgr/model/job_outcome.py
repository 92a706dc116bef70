"""The outcome of a job, decided from what Azure Batch reports about its tasks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

import msgspec

from batchmgr.model.batch_snapshots import (
    BAD_INPUT,
    EXIT_CODE,
    TASK_ENDED,
    BatchJob,
    TaskCounts,
    TaskError,
    TaskSnapshot,
)
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask, JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.stall import deleted_text
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, HOLD_TASK_ID, RESERVED_PREFIX, JobPlan

WALL_CLOCK_EXPIRED = "MaxWallClockTimeExpiry"
FINALIZED = "batchmgr: finalized"
"""The terminate reason that batchmgr gives when it ends a Batch job whose tasks have all ended."""

CANCELLED = "batchmgr: cancelled"
"""The terminate reason that batchmgr gives when it ends a Batch job that was cancelled."""

OWN_REASONS = frozenset({"", "AllTasksComplete", FINALIZED})
"""Terminate reasons of a Batch job that nobody else has ended."""

SHOWN_RESULTS = 3
"""How many missing results the error of a job names."""


def end_reason(record: JobRecord) -> str:
    """Return the terminate reason of a job that must end: it was cancelled, or batchmgr has given it up."""
    return CANCELLED if record.given_up is None else f"batchmgr: {record.given_up.code}"


@dataclass(frozen=True, kw_only=True)
class JobOutcome:
    """The final state of a job, and the reason if it is not success."""

    state: JobState
    error: JobError | None = None


def count_tasks(tasks: Iterable[TaskSnapshot]) -> TaskCounts:
    """Return the counts that Azure Batch would report for these tasks, without its delay."""
    active = running = succeeded = failed = 0
    for task in tasks:
        active += task.state == "active"
        running += task.state in {"preparing", "running"}
        succeeded += task.has_succeeded
        failed += task.has_failed
    return TaskCounts(
        active=active, running=running, completed=succeeded + failed, succeeded=succeeded, failed=failed
    )


def find_finalize_task(tasks: Iterable[TaskSnapshot]) -> TaskSnapshot | None:
    """Return the FinalizeTask, or None if it is not among these tasks."""
    return next((task for task in tasks if task.task_id == FINALIZE_TASK_ID), None)


def is_stuck(plan: JobPlan, tasks: Sequence[TaskSnapshot], deleted: Collection[str] = ()) -> bool:
    """Return whether no task will ever start: every task that has not run depends on a failed or deleted one.

    Azure Batch keeps such tasks active for ever, and the FinalizeTask is one of them. `deleted` are the tasks
    that were deleted before they had succeeded.
    """
    if any(task.state in {"preparing", "running"} for task in tasks):
        return False
    snapshots = {task.task_id: task for task in tasks}
    blocked: set[str] = set(deleted)
    parents: dict[str, tuple[str, ...]] = {}
    for planned in plan.all_tasks:
        parents[planned.id] = planned.depends_on
        task = snapshots.get(planned.id)
        if task is not None and task.has_failed and planned.blocks_after_failure(task.exit_code):
            blocked.add(planned.id)
    for task_id in TopologicalSorter(parents).static_order():
        if not blocked.isdisjoint(parents[task_id]):
            blocked.add(task_id)
    waiting = {task.task_id for task in tasks if task.state == "active"} - {HOLD_TASK_ID}
    if FINALIZE_TASK_ID in deleted:
        waiting.add(FINALIZE_TASK_ID)
    return bool(waiting) and blocked.issuperset(waiting)


def decide_outcome(
    tasks: Sequence[TaskSnapshot],
    *,
    job: BatchJob | None,
    is_cancelled: bool,
    details: Mapping[str, FailedTask],
    deleted: Sequence[str] = (),
    given_up: JobError | None = None,
    lost_results: Sequence[str] | None = None,
) -> JobOutcome:
    """Return the outcome of a job whose tasks will not change any more.

    `job` is None if there is no such Batch job. `details` holds the diagnosis of failed tasks, by task id.
    `deleted` are the tasks that were deleted before they had succeeded. `given_up` says why batchmgr has
    ended a job that could not end by itself. `lost_results` says what a FinalizeTask that did not succeed has
    failed to leave: the names of result files, or nothing but its signal, which batchmgr does not need. None:
    its own work was not done.
    """
    if is_cancelled:
        return JobOutcome(
            state=JobState.CANCELLED, error=JobError(code="Cancelled", message="The job was cancelled.")
        )
    if job is None and given_up is not None:
        return JobOutcome(state=JobState.FAILED, error=given_up)
    if job is None:
        lost = JobError(
            code="JobNotFound", message="The Batch job no longer exists: it was deleted in Azure Batch."
        )
        return JobOutcome(state=JobState.FAILED, error=lost)
    work = [task for task in tasks if not task.task_id.startswith(RESERVED_PREFIX)]
    lost_tasks = [task_id for task_id in deleted if not task_id.startswith(RESERVED_PREFIX)]
    total = len(work) + len(lost_tasks)
    done = sum(task.has_succeeded for task in work)
    final = find_finalize_task(tasks)
    is_finalized = lost_results == () or (final is not None and final.has_succeeded)
    # A rerun may have nothing to do but the work of its FinalizeTask.
    has_run = bool(work) or (final is not None and len(tasks) == 1)
    if has_run and done == total and is_finalized:
        return JobOutcome(state=JobState.SUCCEEDED)
    if given_up is not None:
        ended = f"{given_up.message} {done} of {total} tasks succeeded."
        state = JobState.PARTIAL if done else JobState.FAILED
        return JobOutcome(state=state, error=msgspec.structs.replace(given_up, message=ended))
    if job.terminate_reason == WALL_CLOCK_EXPIRED:
        late = JobError(
            code=WALL_CLOCK_EXPIRED,
            message=f"The job took longer than its maxWallClockTime; {done} of {total} tasks succeeded.",
        )
        return JobOutcome(state=JobState.TIMED_OUT, error=late)
    why = _why_finalize_failed(final, details, is_deleted=FINALIZE_TASK_ID in deleted)
    if has_run and done == total:
        return JobOutcome(state=JobState.FAILED, error=_finalize_error(why, lost_results))
    state = JobState.PARTIAL if done else JobState.FAILED
    error = _task_error(work, job, details, lost_tasks)
    if final is not None and final.has_failed and not (is_finalized and final.exit_code == 0):
        also = _finalize_error(why, lost_results, have_others_failed=True).message
        error = msgspec.structs.replace(error, message=f"{error.message.rstrip('.')}. {also}")
    return JobOutcome(state=state, error=error)


def _why_finalize_failed(
    final: TaskSnapshot | None, details: Mapping[str, FailedTask], *, is_deleted: bool
) -> TaskError:
    """Return what is known of a FinalizeTask that did not succeed."""
    diagnosed = details.get(FINALIZE_TASK_ID)
    error = diagnosed.error if diagnosed else final.error if final else None
    if error is not None:
        return error
    if final is not None and final.exit_code is not None:
        return TaskError(type=EXIT_CODE, message=f"exit code {final.exit_code}")
    message = "it was deleted in Azure Batch" if is_deleted else "it did not complete"
    return TaskError(type="FinalizeTaskFailed", message=message)


def _finalize_error(
    why: TaskError, lost_results: Sequence[str] | None, *, have_others_failed: bool = False
) -> JobError:
    """Return what is wrong with the FinalizeTask."""
    begin, too = ("The", " too") if have_others_failed else ("All tasks succeeded, but the", "")
    if lost_results:
        shown = ", ".join(lost_results[:SHOWN_RESULTS]) + (", …" if lost_results[SHOWN_RESULTS:] else "")
        text = f"results of the FinalizeTask are missing ({shown}), since their upload failed: {why.message}"
        return JobError(code="ResultsMissing", message=f"{begin} {text}")
    text = f"{begin} FinalizeTask failed{too}: {why.message}"
    return JobError(code="FinalizeTaskFailed", message=text, category=_category(why))


def _category(error: TaskError | None) -> str:
    return BAD_INPUT if error is not None and error.category == BAD_INPUT else ""


def _telling(error: TaskError | None) -> int:
    """Return how much an error says about what went wrong. It says the most if the sender can mend it."""
    if error is None or (error.type == TASK_ENDED and not error.category):
        return 0
    if error.type == EXIT_CODE:
        return 2 if ":" in error.message else 1  # `exit code 1: the last line of stderr`
    return 4 if error.category == BAD_INPUT else 3


def _task_error(
    work: Sequence[TaskSnapshot], job: BatchJob, details: Mapping[str, FailedTask], deleted: Sequence[str]
) -> JobError:
    failed = [task for task in work if task.has_failed]
    unfinished = len(work) - len(failed) - sum(task.has_succeeded for task in work)
    if deleted and not failed:
        rest = f" {unfinished} other tasks did not run." if unfinished else ""
        return JobError(code="TaskDeleted", message=f"{deleted_text(deleted)}{rest}")
    if not failed:
        return JobError(
            code="JobTerminated",
            message=f"The Batch job ended ({job.terminate_reason or job.state}) before {unfinished} of "
            f"{len(work)} tasks had run.",
        )
    errors = {task.task_id: task.error for task in failed}
    errors |= {task_id: known.error for task_id, known in details.items() if task_id in errors}
    first = max(failed, key=lambda task: (_telling(errors[task.task_id]), task.task_id in details))
    error = errors[first.task_id]
    code = error.type if error else "TaskFailed"
    reason = error.message if error else f"exit code {first.exit_code}"
    rest = f" {unfinished} did not run." if unfinished else ""
    if deleted:
        rest += f" {deleted_text(deleted)}"
    name = first.display_name or first.task_id
    if job.terminate_reason not in OWN_REASONS:
        rest += f" The Batch job was ended ({job.terminate_reason})."
    message = f"{len(failed)} of {len(work) + len(deleted)} tasks failed.{rest} {name}: {reason}"
    return JobError(code=code, message=message, category=_category(error))
