"""Tasks that somebody deletes in Azure Batch: the others run, and the job's error says which are gone."""

from datetime import timedelta

import msgspec
import pytest

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.model.batch_snapshots import NodeSnapshot
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, HOLD_TASK_ID, MANIFEST_BLOB
from batchmgr.usecases.poll import poll
from tests.usecases.stalled_jobs import MINUTE, busy_elsewhere, ended, submitted, waiting, watched_for
from tests.world import World, job_message, task

DELETED = {
    "queued": ("b",),
    "waited for": ("a",),
    "all": ("a", "b", "c"),
}


@pytest.mark.parametrize("gone", DELETED.values(), ids=DELETED)
async def test_a_job_with_deleted_tasks_runs_the_others_and_its_finalize_task_and_says_which(
    gone: tuple[str, ...],
) -> None:
    world = World()
    await submitted(world, job_message(task("a"), task("b"), task("c", "/bin/true", "a")))
    for task_id in gone:
        await world.batch.delete_task("job-1", task_id)
    record = await ended(world, timedelta(minutes=3))
    assert world.batch.finished == ["job-1"]
    assert record.state is (JobState.FAILED if len(gone) == 3 else JobState.PARTIAL)
    assert record.error is not None
    assert record.error.code == "TaskDeleted"
    assert all(f" {task_id}" in record.error.message for task_id in gone)
    assert [event.data["code"] for event in waiting(world)] == ["TaskDeleted"]
    assert HOLD_TASK_ID not in world.batch.jobs["job-1"].tasks


async def test_a_task_that_is_deleted_while_it_runs_is_told_while_others_run_and_ends_the_job() -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    await submitted(world, job_message(task("a"), task("b")))
    for _ in range(2):
        world.batch.start_next_task("job-1")
    await watched_for(world, MINUTE)
    await world.batch.delete_task("job-1", "a")
    await watched_for(world, MINUTE)
    assert world.record().waiting_for is not None
    await watched_for(world, timedelta(hours=1))
    assert world.record().state is JobState.RUNNING
    world.batch.record_exit("job-1", "b", TaskExit.exited(0))
    del world.batch.run
    record = await ended(world)
    assert record.state is JobState.PARTIAL
    assert world.batch.finished == ["job-1"]


async def test_failures_and_deletions_together_are_both_in_the_error() -> None:
    world = World()
    message = job_message(task("a", "/bin/false"), task("b", "/bin/true", "a"), task("c"))
    await submitted(world, message)
    await world.batch.delete_task("job-1", "c")
    record = await ended(world)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert "1 of 3 tasks failed" in record.error.message
    assert "deleted in Azure Batch before it had succeeded: c." in record.error.message
    assert world.batch.finished == ["job-1"]


async def test_a_task_that_is_deleted_after_it_has_succeeded_changes_nothing() -> None:
    world = World()
    await submitted(world, job_message(task("a"), task("b")))
    world.batch.start_next_task("job-1")
    world.batch.record_exit("job-1", "a", TaskExit.exited(0))
    await poll(world.ports)
    await world.batch.delete_task("job-1", "a")
    busy_elsewhere(world)
    await watched_for(world, timedelta(minutes=5))
    assert waiting(world) == []
    assert FINALIZE_TASK_ID in world.batch.jobs["job-1"].waiting
    world.batch.nodes = [NodeSnapshot(node_id="node-1", state="idle")]
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_finalize_task_that_only_signals_is_not_missed_when_it_is_deleted() -> None:
    world = World()
    await submitted(world, job_message(task("a")))
    await world.batch.delete_task("job-1", FINALIZE_TASK_ID)
    record = await ended(world)
    assert (record.state, record.error) == (JobState.SUCCEEDED, None)


async def test_the_manifest_lists_deleted_tasks_as_failed() -> None:
    world = World()
    await submitted(world, job_message(task("a"), task("b")))
    job = await world.jobs.load("job-1")
    run = msgspec.structs.replace(job.value.run, manifest_due=True)
    await world.jobs.save(msgspec.structs.replace(job.value, run=run), job.etag)
    await world.batch.delete_task("job-1", "b")
    await ended(world)
    listed = msgspec.json.decode(world.files.blobs[f"job-1/{MANIFEST_BLOB}"])["tasks"]
    assert [(one["id"], one["result"]) for one in listed] == [("a", "success"), ("b", "failure")]
    assert "deleted" in listed[1]["error"]
