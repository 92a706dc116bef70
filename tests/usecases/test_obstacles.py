"""What keeps a job from going on is told, and no exception is without an end."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.errors import ServiceAccessError, ServiceBusyError, ServiceNotFoundError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import statuses
from batchmgr.ports import Ports
from batchmgr.steps.obstacles import GONE_AFTER
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.poll import poll
from batchmgr.wire.job_answers import job as job_answer
from tests.chaos.interception import intercepted
from tests.world import World, job_message, task

MINUTE = timedelta(minutes=1)
NO_TOKEN = ServiceAccessError("there is no token for the app's identity", code="NoToken")
NO_ROLE = ServiceAccessError("the identity with object id 1 needs a role", code="Forbidden", status=403)
GATEWAY = ServiceBusyError("answered 404 without a code", status=404)
JOB_GONE = ServiceNotFoundError("no such job", code="JobNotFound", status=404)
BUGS = (KeyError("x"), ExceptionGroup("tasks", [ExceptionGroup("more", [ValueError("y")])]), RecursionError())


class Faults:
    """Ports whose calls raise an error: those whose names are in `calls`, as often as `times` says."""

    def __init__(self, world: World, error: Exception, *calls: str, times: int = 10**9) -> None:
        self.left = times
        self._error = error
        self._calls = calls
        self.ports: Ports = intercepted(world.ports, self._call)

    async def _call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name in self._calls and self.left:
            self.left -= 1
            raise self._error
        return await call()


def waiting(world: World) -> list[Event]:
    return [event for event in world.log() if event.type == "batchmgr.job.waiting"]


def states(world: World) -> list[str]:
    kinds = [event.type.removeprefix("batchmgr.job.") for event in world.log()]
    return [kind for kind in kinds if kind in set(JobState)]


async def pass_by(world: World, ports: Ports, *, minutes: int) -> None:
    """Tick once in 15 s, until the job is no longer active. A trigger that raises is called again."""
    for _ in range(minutes * 4):
        with suppress(KeyError):
            await world.tick(ports)
        if not (world.jobs.active or world.incoming):
            return
        world.clock.advance(timedelta(seconds=14))


@pytest.mark.parametrize("error", [NO_TOKEN, NO_ROLE, GATEWAY])
@pytest.mark.parametrize("call", ["batch.require_pool", "batch.create_job", "batch.add_tasks"])
async def test_missing_access_puts_a_submission_off_for_hours_and_says_what_is_missing(
    error: ServiceBusyError, call: str
) -> None:
    world = World()
    faults = Faults(world, error, call)
    world.enqueue(job_message())
    await pass_by(world, faults.ports, minutes=300)
    assert world.record().state is JobState.SUBMITTING
    assert {event.data["reason"] for event in waiting(world)} == {str(error)}
    assert {event.data["code"] for event in waiting(world)} == {error.code}
    why = job_answer(world.record(), "").waiting_for
    assert why is not None
    assert (why.code, why.reason) == (error.code, str(error))
    assert why.since <= waiting(world)[0].time
    assert "access" in why.advice
    faults.left = 0
    await pass_by(world, faults.ports, minutes=10)
    assert world.record().state is JobState.SUCCEEDED
    assert job_answer(world.record(), "").waiting_for is None
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["200"]


async def test_access_that_is_missing_for_a_day_rejects_the_job_with_the_reason() -> None:
    world = World()
    faults = Faults(world, NO_ROLE, "batch.create_job")
    world.enqueue(job_message())
    await pass_by(world, faults.ports, minutes=25 * 60)
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert (record.error.code, record.error.message) == ("Forbidden", str(NO_ROLE))
    assert len(world.callbacks.received) == 1


@pytest.mark.thorough
async def test_a_full_quota_is_waited_for_longer_than_a_day() -> None:
    world = World()
    full = ServiceBusyError("full", code="ActiveJobAndScheduleQuotaReached", status=409)
    faults = Faults(world, full, "batch.create_job")
    world.enqueue(job_message())
    await pass_by(world, faults.ports, minutes=26 * 60)
    assert world.record().state is JobState.SUBMITTING


async def running_world() -> World:
    world = World()
    world.enqueue(job_message())
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    assert world.record().state is JobState.RUNNING
    return world


@pytest.mark.thorough
async def test_access_that_is_lost_while_a_job_runs_is_told_and_ends_no_job() -> None:
    world = await running_world()
    faults = Faults(world, NO_ROLE, "batch.task_counts", "batch.get_job")
    await pass_by(world, faults.ports, minutes=180)
    assert world.record().state is JobState.RUNNING
    assert {event.data["code"] for event in waiting(world)} == {"Forbidden"}
    assert "needs a role" in str(waiting(world)[0].data["reason"])
    assert 3 <= len(waiting(world)) <= 8
    del world.batch.run
    faults.left = 0
    await pass_by(world, faults.ports, minutes=10)
    assert world.record().state is JobState.SUCCEEDED


async def test_a_gateway_that_answers_404_ends_no_running_job() -> None:
    world = await running_world()
    faults = Faults(world, GATEWAY, "batch.task_counts", "batch.get_job", "batch.list_tasks")
    await pass_by(world, faults.ports, minutes=60)
    assert world.record().state is JobState.RUNNING
    del world.batch.run
    await pass_by(world, world.ports, minutes=2)
    assert world.record().state is JobState.SUCCEEDED


async def test_a_batch_job_that_is_missing_for_a_moment_goes_on() -> None:
    world = await running_world()
    faults = Faults(world, JOB_GONE, "batch.task_counts", "batch.get_job", times=2)
    world.finalize.blobs["job-1"] = "{}"  # not even if the finalize blob is there
    await world.tick(faults.ports)
    assert world.record().state is JobState.RUNNING
    assert [event.data["code"] for event in waiting(world)] == ["JobNotFound"]
    world.clock.advance(GONE_AFTER * 2)
    await world.tick(faults.ports)
    assert world.record().obstacle is None
    faults.left = 2  # hours later, it counts from the start
    world.clock.advance(timedelta(hours=3))
    await world.tick(faults.ports)
    del world.batch.run
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_batch_job_that_is_missing_twice_has_failed() -> None:
    world = await running_world()
    world.batch.jobs.clear()
    await world.tick()
    assert world.record().state is JobState.RUNNING
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "JobNotFound"
    assert len(waiting(world)) == 1


async def test_a_batch_job_that_disappears_during_its_submission_is_created_again() -> None:
    world = World()
    faults = Faults(world, JOB_GONE, "batch.add_tasks", times=2)
    world.enqueue(job_message())
    await pass_by(world, faults.ports, minutes=10)
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
@pytest.mark.parametrize(
    "call",
    [
        "batch.create_job",
        "batch.add_tasks",
        "batch.task_counts",
        "batch.get_job",
        "files.reports",
        "jobs.load_request",
    ],
)
async def test_an_exception_that_goes_on_ends_the_job_with_a_callback_and_a_log_line(
    bug: Exception, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    world = World()
    world.may_fail = True
    message = world.plan_on_node(task("1")) if call == "files.reports" else job_message()
    world.enqueue(message)
    if call in {"batch.task_counts", "files.reports"}:
        world.batch.run = list  # type: ignore[method-assign]  # there is nothing to finalize
    faults = Faults(world, bug, call)
    if call == "files.reports":
        await world.tick()
        del world.batch.run
    await pass_by(world, faults.ports, minutes=60)
    record = world.record()
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "InternalError"
    kind = "ValueError" if isinstance(bug, ExceptionGroup) else type(bug).__name__
    assert kind in record.error.message
    assert states(world)[-2:] == ["finalizing", "failed"]
    assert all(
        event.data["code"] == kind for event in waiting(world) if "could not" in str(event.data["reason"])
    )
    assert waiting(world)
    assert any("InternalError: job job-1" in line.getMessage() for line in caplog.records)
    assert all(job.state == "completed" for job in world.batch.jobs.values()) or call == "batch.get_job"
    if call != "jobs.load_request":  # the callback's URI is in the request
        assert [body.status_code for _, body, _ in world.callbacks.received] == ["500"]
        assert world.jobs.active == set()


@pytest.mark.parametrize(
    "call", ["batch.add_tasks", "batch.task_counts", "batch.get_job", "events.append", "sink.send"]
)
async def test_an_exception_that_passes_within_minutes_does_no_harm(call: str) -> None:
    world = World()
    world.may_fail = True
    faults = Faults(world, KeyError("x"), call, times=7)
    world.enqueue(job_message())
    await pass_by(world, faults.ports, minutes=60)
    assert world.record().state is JobState.SUCCEEDED
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["200"]


async def test_exceptions_that_come_and_go_never_end_a_job() -> None:
    world = await running_world()
    world.may_fail = True
    for _ in range(100):
        faults = Faults(world, KeyError("x"), "batch.task_counts", times=3)
        await pass_by(world, faults.ports, minutes=5)
    assert world.record().state is JobState.RUNNING
    del world.batch.run
    await pass_by(world, world.ports, minutes=2)
    assert world.record().state is JobState.SUCCEEDED


async def test_many_exceptions_in_a_moment_do_not_end_a_job() -> None:
    world = World()
    world.may_fail = True
    faults = Faults(world, KeyError("x"), "batch.add_tasks")
    for copy in range(30):
        world.enqueue(job_message(), f"m-{copy}")
    await world.tick(faults.ports)
    assert world.record().state is JobState.SUBMITTING
    await pass_by(world, world.ports, minutes=10)
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize("call", ["events.append", "sink.send"])
async def test_events_that_can_never_be_published_do_not_hold_up_the_callback(call: str) -> None:
    world = await running_world()
    world.may_fail = True
    del world.batch.run
    faults = Faults(world, KeyError("x"), call)
    await pass_by(world, faults.ports, minutes=120)
    record = world.record()
    assert record.state is JobState.FAILED
    assert record.callback is not None
    assert record.callback.state is CallbackState.DELIVERED
    assert len(world.callbacks.received) == 1
    assert world.jobs.active == set()


async def test_a_callback_that_raises_is_tried_again_and_then_kept_and_its_uri_stays_secret() -> None:
    world = World()
    faults = Faults(world, RuntimeError("https://allowed/callback?secret=1"), "callbacks.send")
    world.enqueue(job_message())
    await world.tick(faults.ports)
    assert world.record().callback is not None
    assert world.record().callback.last_error == "InternalError: RuntimeError"  # type: ignore[union-attr]
    await pass_by(world, faults.ports, minutes=24 * 60)
    assert world.record().callback.state is CallbackState.DEAD  # type: ignore[union-attr]
    assert world.queue.buried == ["job-1"]
    assert world.jobs.active == set()
    [letter] = world.dead_letters.letters.values()
    assert (letter.job_id, letter.reason) == ("job-1", "InternalError: RuntimeError")


async def test_callbacks_of_a_job_that_can_not_even_be_attempted_become_dead_letters() -> None:
    world = World()
    world.may_fail = True
    world.enqueue(job_message())
    world.enqueue(job_message(callback="https://allowed/other"), "m-2")
    world.callbacks.failures = 10**6
    faults = Faults(world, KeyError("x"), "queue.enqueue_callback")
    await pass_by(world, faults.ports, minutes=60)
    assert {status.state for status in statuses(world.record()).values()} == {CallbackState.DEAD}
    assert world.jobs.active == set()
    assert len(world.dead_letters.letters) == 2


async def test_a_job_that_can_not_be_polled_can_be_cancelled_at_once() -> None:
    world = await running_world()
    world.may_fail = True
    faults = Faults(world, KeyError("x"), "batch.task_counts")
    await pass_by(world, faults.ports, minutes=5)
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED


async def test_a_job_that_cannot_be_finalized_for_an_hour_does_not_fill_the_queue() -> None:
    world = World()
    world.loses_finalize_triggers = True
    world.enqueue(job_message())
    for _ in range(3):
        await world.tick()
    world.clock.advance(timedelta(minutes=1))
    faults = Faults(world, ServiceBusyError("Azure Batch is away"), "batch.list_tasks")
    for _ in range(240):
        await poll(faults.ports)
        await world.handle_messages(faults.ports)
        world.clock.advance(timedelta(seconds=15))
    assert world.queue.messages == []
    faults.left = 0
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_the_poll_of_the_others_goes_on_when_the_list_of_jobs_breaks_off() -> None:
    world = World()
    faults = Faults(world, ServiceBusyError("storage is away"), "jobs.active_jobs", times=1)
    world.enqueue(job_message())
    with pytest.raises(ServiceBusyError):
        await world.tick(faults.ports)
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_every_obstacle_has_events_of_its_own() -> None:
    world = await running_world()
    world.may_fail = True
    for error in (NO_ROLE, KeyError("x"), JOB_GONE, NO_ROLE):
        await pass_by(world, Faults(world, error, "batch.task_counts", times=2).ports, minutes=3)
    ids = [event.id for event in world.log()]
    assert len(ids) == len(set(ids))
    assert [event.data["code"] for event in waiting(world)][:2] == ["Forbidden", "Forbidden"]
