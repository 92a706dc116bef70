"""How jobs end: callbacks, cancellation, time limits, lost Batch jobs."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from batchmgr.errors import IllegalTransitionError, JobNotFoundError
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Added, ignored
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.submit import submit
from batchmgr.wire.task_message import OutputFileMessage
from tests.world import World, job_message, task


async def running_world(*tasks: str) -> World:
    """Return a world with a running job whose tasks have not run yet."""
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*(task(name) for name in tasks or ("1", "2"))))
    await world.tick()
    assert world.record().state is JobState.RUNNING
    del world.batch.run
    return world


async def test_a_failed_callback_is_retried_with_the_same_id_until_it_is_accepted() -> None:
    world = World()
    world.callbacks.failures = 3
    world.enqueue(job_message())
    await world.run_until_idle(ticks=400)
    assert [webhook_id for _, _, webhook_id in world.callbacks.received] == ["msg_job-1"]
    status = world.record().callback
    assert status is not None
    assert (status.state, status.attempts) == (CallbackState.DELIVERED, 4)
    assert world.callbacks.attempts == 4


async def test_a_callback_is_dead_lettered_after_ten_failed_attempts() -> None:
    world = World()
    world.callbacks.failures = 10**6
    world.enqueue(job_message())
    await world.tick()
    for _ in range(60):
        await world.clock.sleep(timedelta(hours=1))
        await world.tick()
    status = world.record().callback
    assert status is not None
    assert (status.state, status.attempts) == (CallbackState.DEAD, 10)
    assert "receiver is down" in status.last_error
    assert world.queue.buried == ["job-1"]
    assert world.jobs.active == set()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_job_without_a_callback_ends_too() -> None:
    world = World()
    world.enqueue(job_message(callback=""))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert world.callbacks.attempts == 0


async def test_a_cancelled_job_ends_in_batch_and_calls_back() -> None:
    world = await running_world()
    await cancel(world.ports, "JOB-1")
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert world.batch.jobs["job-1"].state == "completed"
    [(_, body, _)] = world.callbacks.received
    assert body.status_code == "499"
    assert (await cancel(world.ports, "job-1")).state is JobState.CANCELLED


async def test_a_job_cancelled_before_it_was_submitted_never_reaches_batch() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await world.ports.queue.enqueue_submission("job-1")
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert world.batch.created == []


async def test_a_job_cancelled_during_submission_is_ended_by_the_submission() -> None:
    world = World()
    message = job_message()
    await accept(world.ports, "job-1", message)
    add_tasks = world.batch.add_tasks

    async def cancelled_meanwhile(
        plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        await add_tasks(plan, tasks, access, added)
        stored = await world.jobs.load("job-1")
        await world.jobs.save(stored.value.cancellation_requested(world.clock.now()), stored.etag)

    world.batch.add_tasks = cancelled_meanwhile  # type: ignore[method-assign]
    await submit(world.ports, "job-1")
    assert world.batch.jobs["job-1"].state == "completed"
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED


async def test_a_job_that_reaches_its_time_limit_while_a_node_plans_it_has_timed_out() -> None:
    world = World()
    world.enqueue(world.plan_on_node(task("1")))
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    assert world.record().submission.awaits_tasks
    batch_job = world.batch.jobs["job-1"]
    batch_job.state, batch_job.terminate_reason = "completed", "MaxWallClockTimeExpiry"
    await world.run_until_idle()
    assert world.record().state is JobState.TIMED_OUT
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["504"]


async def test_a_batch_job_that_is_deleted_while_a_node_plans_it_fails_the_job() -> None:
    world = World()
    world.enqueue(world.plan_on_node(task("1")))
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    world.batch.jobs.clear()
    await world.run_until_idle()
    assert world.record().state is JobState.FAILED
    assert world.record().error is not None
    assert "deleted in Azure Batch" in world.record().error.message  # type: ignore[union-attr]
    assert world.batch.created == ["job-1"]


async def test_a_finished_job_cannot_be_cancelled() -> None:
    world = World()
    world.enqueue(job_message())
    await world.run_until_idle()
    with pytest.raises(IllegalTransitionError, match="is succeeded; it cannot become cancelled"):
        await cancel(world.ports, "job-1")
    with pytest.raises(JobNotFoundError):
        await cancel(world.ports, "none")


async def test_a_batch_job_that_was_deleted_fails_the_job() -> None:
    world = await running_world()
    world.batch.jobs.clear()
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "JobNotFound"


async def test_a_batch_job_terminated_by_somebody_else_fails_with_the_reason() -> None:
    world = await running_world()
    await world.batch.terminate_job("job-1", "UserTerminate")
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.message == "The Batch job ended (UserTerminate) before 2 of 2 tasks had run."


async def test_a_job_that_reaches_its_time_limit_has_timed_out() -> None:
    world = await running_world()
    await world.batch.terminate_job("job-1", "MaxWallClockTimeExpiry")
    await world.run_until_idle()
    assert world.record().state is JobState.TIMED_OUT


async def test_a_finalize_blob_before_the_end_is_ignored_and_the_job_still_ends() -> None:
    world = await running_world()
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.RUNNING
    world.finalize.blobs["job-1"] = "{}"
    world.triggered.add("job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_finalize_blob_does_not_end_a_job_that_is_still_queued() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.QUEUED
    await world.ports.queue.enqueue_submission("job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_finalize_blob_of_an_unknown_job_is_ignored() -> None:
    world = World()
    await finalize(world.ports, "none")
    assert world.jobs.records == {}


async def test_an_error_with_one_job_does_not_stop_the_poll_of_the_others() -> None:
    world = await running_world()
    world.jobs.active.add("broken")
    world.jobs.requests["broken"] = job_message(job_id="broken")
    world.jobs.records["broken"] = None  # type: ignore[assignment]
    for _ in range(5):
        await world.tick()
    assert world.record().state is JobState.SUCCEEDED


async def test_failed_tasks_are_reported_with_the_end_of_their_stderr() -> None:
    world = World()
    world.enqueue(job_message(task("a", "/bin/false"), task("b")))
    await world.run_until_idle()
    [failed] = [event for event in world.log() if event.type == "batchmgr.task.failed"]
    assert failed.data["exitCode"] == 1
    assert failed.data["error"] == {
        "type": "FailureExitCode",
        "message": "exit code 1: on stderr",
        "category": "UserError",
        "stderr": "words\non stderr\n",
    }
    [(_, body, _)] = world.callbacks.received
    assert body.error is not None
    assert body.error.message == "1 of 2 tasks failed. a: exit code 1: on stderr"


async def test_a_job_with_very_many_files_lists_a_hundred_of_them() -> None:
    world = World()
    files = tuple(
        OutputFileMessage(source_file_path=f"{n}.txt", target_blob_path=f"{n}.txt") for n in range(120)
    )
    world.enqueue(job_message(replace(task("1"), output_files=files)))
    await world.run_until_idle()
    assert len(world.record().results) == 100


async def test_a_callback_message_for_a_job_that_has_not_ended_changes_nothing() -> None:
    world = await running_world()
    before = world.jobs.records["job-1"].etag
    await deliver(world.ports, "job-1")
    assert world.jobs.active == {"job-1"}
    assert world.jobs.records["job-1"].etag == before
