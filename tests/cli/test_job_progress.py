from batchmgr.cli.demo.job_progress import JobProgress
from batchmgr.model.job_states import JobState
from tests.cli.events import event


def test_a_new_job_waits_everywhere() -> None:
    progress = JobProgress(windows=2)
    assert progress.state is JobState.QUEUED
    assert progress.cells == ("waiting", "waiting", "waiting")


def test_tasks_have_their_own_cells_and_the_finalize_task_the_last() -> None:
    progress = (
        JobProgress(windows=2)
        .after(event("task.running", taskId="2"))
        .after(event("task.succeeded", taskId="2"))
        .after(event("task.failed", taskId="1"))
        .after(event("task.running", taskId="batchmgr-finalize"))
    )
    assert progress.cells == ("failed", "succeeded", "running")


def test_counts_never_go_back() -> None:
    progress = (
        JobProgress(windows=2)
        .after(event("job.progress", total=3, counts={"completed": 2}))
        .after(event("job.finalizing", total=3, counts={"completed": 0}))
    )
    assert (progress.completed, progress.total) == (2, 3)


def test_the_end_of_the_job_is_its_state() -> None:
    progress = JobProgress(windows=1).after(event("job.timed_out"))
    assert progress.state is JobState.TIMED_OUT


def test_events_that_change_neither_task_nor_state_keep_what_is_known() -> None:
    progress = JobProgress(windows=1).after(event("job.running", total=2))
    assert progress.after(event("job.waiting", reason="over quota")) == progress
    assert progress.after(event("task.retried", taskId="1")) == progress
