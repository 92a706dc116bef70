"""A job may take longer than the signatures last with which its nodes reach storage: it is told before."""

from datetime import datetime, timedelta

import msgspec
import pytest

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.errors import InvalidJobError
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.steps.check_job import check_job
from batchmgr.wire.job_answers import job as job_answer
from batchmgr.wire.task_message import OutputFileMessage
from tests.usecases.stalled_jobs import busy_elsewhere, submitted
from tests.world import World, job_message, task

WRITER = msgspec.structs.replace(
    task("a"), output_files=(OutputFileMessage(source_file_path="made.txt", target_blob_path="made.txt"),)
)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


async def waiting_job(world: World, limit: timedelta | None = None) -> datetime:
    """Submit a job whose task gets no node. Return when its signatures end."""
    busy_elsewhere(world)
    ends_at = world.clock.now() + WEEK
    world.storage.signatures_end = ends_at
    await submitted(world, msgspec.structs.replace(job_message(WRITER), max_wall_clock_time=limit))
    return ends_at


LONGEST = timedelta(days=7) - timedelta(minutes=15)


@pytest.mark.parametrize(
    ("limit", "longest", "is_refused"),
    [
        (LONGEST + timedelta(seconds=1), LONGEST, True),
        (timedelta(days=10_675_199), LONGEST, True),
        (LONGEST, LONGEST, False),
        (None, LONGEST, False),
        (timedelta(days=30), None, False),
    ],
)
async def test_a_job_that_asks_for_more_time_than_signatures_last_is_refused_with_the_reason(
    limit: timedelta | None, longest: timedelta | None, is_refused: bool
) -> None:
    world = World()
    world.storage.longest = longest
    message = msgspec.structs.replace(job_message(WRITER), max_wall_clock_time=limit)
    if not is_refused:
        await check_job(world.ports, "job-1", message)
        return
    with pytest.raises(InvalidJobError) as caught:
        await check_job(world.ports, "job-1", message)
    assert caught.value.field == "maxWallClockTime"
    assert caught.value.reason.startswith(
        "must be at most PT10065M (6 days, 23:45:00): the nodes of this job"
    )
    assert "BATCHMGR_NODE_IDENTITY" in caught.value.reason
    world.enqueue(message)
    await world.run_until_idle()
    error = world.record().error
    assert error is not None
    assert (world.record().state, error.field) == (JobState.REJECTED, "maxWallClockTime")
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["400"]


async def test_a_job_whose_nodes_have_an_identity_may_ask_for_any_time() -> None:
    world = World()
    world.storage.longest = LONGEST
    world.storage.identity = "/id/nodes"
    message = msgspec.structs.replace(job_message(WRITER), max_wall_clock_time=timedelta(days=30))
    await check_job(world.ports, "job-1", message)


def warnings(world: World) -> list[Event]:
    return [event for event in world.log() if event.type == "batchmgr.job.warning"]


async def later(world: World, pause: timedelta) -> None:
    world.clock.advance(pause)
    await world.tick()


async def test_a_job_without_a_limit_is_told_of_once_a_day_before_its_signatures_end() -> None:
    world = World()
    ends_at = await waiting_job(world)
    await later(world, WEEK - DAY - HOUR)
    assert warnings(world) == []
    await later(world, HOUR)
    await later(world, HOUR)
    [event] = warnings(world)
    assert event.data["code"] == "SignaturesEnd"
    assert event.data["endsAt"] == ends_at.isoformat().replace("+00:00", "Z")
    assert f"{ends_at:%Y-%m-%d %H:%M} UTC" in str(event.data["reason"])
    assert "BATCHMGR_NODE_IDENTITY" in str(event.data["advice"])


@pytest.mark.parametrize("limit", [WEEK + HOUR, timedelta(days=10_675_199)])
async def test_a_job_that_may_take_longer_than_its_signatures_last_is_told_of_at_once(
    limit: timedelta,
) -> None:
    world = World()
    await waiting_job(world, limit)
    await later(world, HOUR)
    await later(world, WEEK)
    assert len(warnings(world)) == 1
    assert warnings(world)[0].time < world.clock.now() - WEEK


async def test_a_job_whose_limit_comes_first_is_not_told_of() -> None:
    world = World()
    await waiting_job(world, WEEK - HOUR)
    await later(world, WEEK - 2 * HOUR)
    assert warnings(world) == []


async def test_a_job_whose_nodes_have_an_identity_is_not_told_of() -> None:
    world = World()
    busy_elsewhere(world)
    await submitted(world, job_message(WRITER))
    await later(world, 2 * WEEK)
    assert warnings(world) == []
    assert job_answer(world.record(), "").signatures_end is None


async def test_the_status_of_a_job_says_when_its_signatures_end() -> None:
    world = World()
    ends_at = await waiting_job(world)
    assert job_answer(world.record(), "").signatures_end == ends_at


async def test_tasks_that_are_added_later_do_not_hide_that_the_first_signatures_end() -> None:
    world = World()
    ends_at = await waiting_job(world)
    run = world.record().run
    again = run.begun(
        total=run.total,
        can_report=False,
        manifest_due=False,
        slots=1,
        instances=1,
        signatures_end=ends_at + DAY,
        warn_at=ends_at,
        has_waits=True,
        has_own_pool=False,
    )
    assert (again.signatures_end, again.warn_at) == (ends_at, ends_at - DAY)


DENIED = TaskError(type="BlobAccessDenied", message="Access for one of the Blob(s) is denied")


@pytest.mark.parametrize(
    ("after", "error", "is_named"),
    [
        (WEEK + HOUR, DENIED, True),
        (WEEK - HOUR, DENIED, False),
        (WEEK + HOUR, TaskError(type="DiskFull", message="no space"), False),
    ],
)
async def test_a_task_that_had_no_access_says_that_its_signature_had_ended(
    after: timedelta, error: TaskError, is_named: bool
) -> None:
    world = World()
    ends_at = await waiting_job(world)
    world.clock.advance(after)
    world.batch.nodes[0] = msgspec.structs.replace(world.batch.nodes[0], state="idle")
    world.batch.start_next_task("job-1")
    world.batch.record_exit("job-1", "a", TaskExit(error=error))
    await world.run_until_idle()
    failed = world.record().error
    assert failed is not None
    assert (f"signatures had ended at {ends_at:%Y-%m-%d %H:%M} UTC" in failed.message) is is_named
    assert failed.code == error.type


async def test_a_job_that_outlives_its_signatures_ends_with_the_truth() -> None:
    world = World()
    ends_at = await waiting_job(world)
    await later(world, WEEK + DAY)
    world.batch.nodes[0] = msgspec.structs.replace(world.batch.nodes[0], state="idle")
    world.batch.start_next_task("job-1")
    world.batch.record_exit("job-1", "a", TaskExit.exited(0))
    world.batch.start_next_task("job-1")
    denied = TaskError(type="FileUploadAccessDenied", message="Access to the container is denied")
    world.batch.record_exit("job-1", FINALIZE_TASK_ID, TaskExit(exit_code=0, error=denied))
    assert world.finalize.blobs == {}
    await world.run_until_idle()
    record = world.record()
    assert (record.state, record.error) == (JobState.SUCCEEDED, None)
    assert world.triggered == {"job-1"}  # by the blob of the poller: the FinalizeTask could write none
    [(_, body, _)] = world.callbacks.received
    assert body.status_code == "200"
    assert len(warnings(world)) == 1
    [failed] = [event for event in world.log() if event.type == "batchmgr.task.failed"]
    assert f"signatures had ended at {ends_at:%Y-%m-%d %H:%M} UTC" in str(failed.data["error"])
