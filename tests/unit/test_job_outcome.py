"""The outcome of a job, from what Azure Batch reports."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskError, TaskSnapshot
from batchmgr.model.job_outcome import JobOutcome, count_tasks, decide_outcome, is_stuck
from batchmgr.model.job_record_parts import FailedTask, JobError
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobDraft, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from tests.plans import complete

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = BatchJob(state="completed", terminate_reason="AllTasksComplete")


def snapshots(**letters: str) -> list[TaskSnapshot]:
    """Tasks by id: S succeeded, F failed, A active, R running. `z` is the FinalizeTask."""
    made = []
    for name, letter in letters.items():
        task_id = FINALIZE_TASK_ID if name == "z" else name
        state: Literal["active", "running", "completed"] = (
            "active" if letter == "A" else "running" if letter == "R" else "completed"
        )
        result: Literal["", "success", "failure"] = (
            "success" if letter == "S" else "failure" if letter == "F" else ""
        )
        exit_code = {"S": 0, "F": 3}.get(letter)
        made.append(
            TaskSnapshot(
                task_id=task_id,
                state=state,
                state_transition_time=NOW,
                result=result,
                exit_code=exit_code,
            )
        )
    return made


def outcome(tasks: list[TaskSnapshot], job: BatchJob | None = DONE, *, cancelled: bool = False) -> JobOutcome:
    return decide_outcome(tasks, job=job, is_cancelled=cancelled, details={})


def test_a_job_whose_tasks_all_succeeded_has_succeeded() -> None:
    assert outcome(snapshots(a="S", b="S", z="S")) == JobOutcome(state=JobState.SUCCEEDED)


@pytest.mark.parametrize(
    ("tasks", "job", "state", "code", "message"),
    [
        (
            snapshots(a="S", b="F", z="S"),
            DONE,
            "partial",
            "TaskFailed",
            "1 of 2 tasks failed. b: exit code 3",
        ),
        (snapshots(a="F", b="F", z="S"), DONE, "failed", "TaskFailed", "2 of 2 tasks failed. a: exit code 3"),
        (
            snapshots(a="S", b="F", z="F"),
            DONE,
            "partial",
            "TaskFailed",
            "1 of 2 tasks failed. b: exit code 3. The FinalizeTask failed too: exit code 3",
        ),
        (snapshots(a="S", b="S", z="F"), DONE, "failed", "FinalizeTaskFailed", "failed: exit code 3"),
        (snapshots(a="S", b="S", z="A"), DONE, "failed", "FinalizeTaskFailed", "it did not complete"),
        (snapshots(a="F", b="A", z="A"), DONE, "failed", "TaskFailed", "1 did not run. a: exit code 3"),
        (snapshots(a="S", b="F", c="A", z="A"), DONE, "partial", "TaskFailed", "1 of 3 tasks failed"),
        (
            snapshots(a="S", b="A", z="A"),
            BatchJob(state="completed", terminate_reason="UserTerminate"),
            "partial",
            "JobTerminated",
            "The Batch job ended (UserTerminate) before 1 of 2 tasks had run.",
        ),
        (
            snapshots(a="S", b="F", z="A"),
            BatchJob(state="completed", terminate_reason="MaxWallClockTimeExpiry"),
            "timed_out",
            "MaxWallClockTimeExpiry",
            "longer than its maxWallClockTime; 1 of 2 tasks succeeded",
        ),
        ([], None, "failed", "JobNotFound", "it was deleted in Azure Batch"),
    ],
)
def test_any_other_end_has_an_error(
    tasks: list[TaskSnapshot], job: BatchJob | None, state: str, code: str, message: str
) -> None:
    end = outcome(tasks, job)
    assert end.state == state
    assert end.error is not None
    assert end.error.code == code
    assert message in end.error.message


def test_a_cancelled_job_is_cancelled_even_if_its_tasks_succeeded() -> None:
    assert outcome(snapshots(a="S", z="S"), cancelled=True).state is JobState.CANCELLED


def test_a_job_whose_tasks_all_succeeded_has_not_timed_out() -> None:
    late = BatchJob(state="completed", terminate_reason="MaxWallClockTimeExpiry")
    assert outcome(snapshots(a="S", z="S"), late).state is JobState.SUCCEEDED


def test_the_first_diagnosed_failure_gives_the_reason() -> None:
    error = TaskError(type="InvalidInputError", message="the file is empty")
    details = {"b": FailedTask(task_id="b", error=error)}
    end = decide_outcome(snapshots(a="F", b="F", z="S"), job=DONE, is_cancelled=False, details=details)
    assert end.error is not None
    assert end.error.code == "InvalidInputError"
    assert end.error.message == "2 of 2 tasks failed. b: the file is empty"


def test_counts_are_by_state() -> None:
    counted = count_tasks(snapshots(a="S", b="F", c="A", d="R", z="S"))
    assert counted == TaskCounts(active=1, running=1, completed=3, succeeded=2, failed=1)


def plan(**parents: tuple[str, ...]) -> JobPlan:
    tasks = tuple(TaskPlan(id=i, command_line="x", depends_on=on) for i, on in parents.items())
    draft = JobDraft(
        job=JobSpecification(pool_id="p"), tasks=tasks, finalize_task=TaskPlan(id="", command_line="x")
    )
    return complete("j", draft, "{}")


CHAIN = plan(a=(), b=("a",), c=("b",), d=())


@pytest.mark.parametrize(
    ("tasks", "stuck"),
    [
        (snapshots(a="F", b="A", c="A", d="S", z="A"), True),
        (snapshots(a="F", b="A", c="A", d="A", z="A"), False),
        (snapshots(a="F", b="A", c="A", d="R", z="A"), False),
        (snapshots(a="S", b="A", c="A", d="S", z="A"), False),
        (snapshots(a="S", b="S", c="F", d="F", z="A"), False),
        (snapshots(a="S", b="S", c="S", d="S", z="S"), False),
    ],
)
def test_a_job_is_stuck_if_every_waiting_task_depends_on_a_failed_one(
    tasks: list[TaskSnapshot], stuck: bool
) -> None:
    assert is_stuck(CHAIN, tasks) == stuck


GIVEN_UP = JobError(code="PoolNotFound", message="The pool was deleted.")


def test_a_job_that_was_given_up_has_that_reason_unless_it_has_succeeded_in_the_meantime() -> None:
    ended = BatchJob(state="completed", terminate_reason="batchmgr: PoolNotFound")
    partly = decide_outcome(
        snapshots(a="S", b="A", z="A"), job=ended, is_cancelled=False, details={}, given_up=GIVEN_UP
    )
    assert partly.state is JobState.PARTIAL
    assert partly.error is not None
    assert partly.error.message == "The pool was deleted. 1 of 2 tasks succeeded."
    lost = decide_outcome([], job=None, is_cancelled=False, details={}, given_up=GIVEN_UP)
    assert lost == JobOutcome(state=JobState.FAILED, error=GIVEN_UP)
    done = decide_outcome(
        snapshots(a="S", z="S"), job=ended, is_cancelled=False, details={}, given_up=GIVEN_UP
    )
    assert done == JobOutcome(state=JobState.SUCCEEDED)


def test_a_job_with_deleted_tasks_has_not_succeeded_and_says_which() -> None:
    outcome = decide_outcome(
        snapshots(a="S", z="S"), job=DONE, is_cancelled=False, details={}, deleted=["b", "batchmgr-gather-1"]
    )
    assert outcome.state is JobState.PARTIAL
    assert outcome.error is not None
    assert outcome.error.code == "TaskDeleted"
    assert outcome.error.message == "1 task was deleted in Azure Batch before it had succeeded: b."


def test_a_deleted_finalize_task_is_named_as_the_failure() -> None:
    outcome = decide_outcome(
        snapshots(a="S"), job=DONE, is_cancelled=False, details={}, deleted=[FINALIZE_TASK_ID]
    )
    assert outcome.error is not None
    assert outcome.error.message.endswith("the FinalizeTask failed: it was deleted in Azure Batch")
