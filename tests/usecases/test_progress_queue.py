"""The progress queue is a convenience: deleted, full, refusing or slow, it holds up no job."""

from datetime import timedelta

import pytest

from batchmgr.errors import ServiceBusyError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.steps.outbox import CATCH_UP, LONGEST_LAG
from tests.world import World, job_message, task

FAILURES = [
    ServiceNotFoundError("deleted", code="QueueNotFound", status=404),
    ServiceBusyError("being deleted", code="QueueBeingDeleted", status=409),
    ServiceRefusedError("full or forbidden", status=403),
]


def assert_ended(world: World) -> None:
    record = world.record()
    assert record.state is JobState.SUCCEEDED
    assert record.callback is not None
    assert record.callback.state is CallbackState.DELIVERED
    assert len(world.callbacks.received) == 1


def sent_ids(world: World) -> list[str]:
    return [event.id for event in sorted(world.sink.sent, key=lambda event: event.sequence)]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
async def test_a_job_ends_with_its_log_and_callback_while_the_queue_fails_and_is_caught_up_later(
    failure: Exception,
) -> None:
    world = World()
    world.sink.failure = failure  # type: ignore[assignment]
    world.enqueue(job_message())
    for _ in range(5):
        await world.tick()
    assert_ended(world)
    assert world.log()[-1].type == "batchmgr.job.succeeded"
    assert world.sink.sent == []
    world.sink.failure = None
    await world.run_until_idle()
    assert sent_ids(world) == [event.id for event in world.log()]


async def test_a_queue_that_fails_in_the_middle_gets_everything_once_it_works_again() -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*(task(str(n)) for n in range(1, 1500))))
    await world.tick()
    before = len(world.sink.sent)
    assert before > 0
    world.sink.failure = FAILURES[0]
    del world.batch.run
    for _ in range(5):
        await world.tick()
    assert_ended(world)
    assert len(world.sink.sent) == before
    world.sink.failure = None
    await world.run_until_idle()
    assert len(world.log()) > CATCH_UP
    assert sent_ids(world) == [event.id for event in world.log()]


async def test_after_an_hour_events_are_left_out_and_a_log_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.sink.failure = FAILURES[0]
    world.enqueue(job_message())
    for _ in range(5):
        await world.tick()
    assert_ended(world)
    assert world.jobs.active == {"job-1"}
    assert "are sent later: deleted" in caplog.text
    world.clock.advance(LONGEST_LAG)
    await world.run_until_idle()
    assert "its events from 1 on stay in its log only" in caplog.text
    assert world.sink.sent == []


async def test_a_slow_queue_is_waited_for_once_and_not_with_every_event() -> None:
    world = World()
    world.sink.delay = timedelta(seconds=9)
    world.enqueue(job_message(*(task(str(n)) for n in range(1, 3000))))
    begun = world.clock.now()
    await world.tick()
    await world.tick()
    await world.tick()
    assert_ended(world)
    assert world.clock.now() - begun < timedelta(minutes=3)


async def test_notify_selects_what_is_caught_up_too() -> None:
    world = World()
    world.sink.failure = FAILURES[1]
    world.enqueue(
        b'{"jobId":"job-1","notify":["job.succeeded"],"tasks":[{"id":"1","commandLine":"/bin/true"}]}'
    )
    for _ in range(5):
        await world.tick()
    world.sink.failure = None
    await world.run_until_idle()
    assert sent_ids(world) == ["jobs/job-1/job.succeeded"]


async def test_a_backlog_is_sent_for_some_seconds_with_each_poll() -> None:
    world = World()
    world.sink.failure = FAILURES[0]
    world.enqueue(job_message(*(task(str(n)) for n in range(1, 3 * CATCH_UP))))
    for _ in range(5):
        await world.tick()
    world.sink.failure = None
    world.sink.delay = timedelta(seconds=2)
    counts = [0]
    while world.jobs.active:
        begun = world.clock.now()
        await world.tick()
        counts.append(len(world.sink.sent))
        assert world.clock.now() - begun < timedelta(seconds=12)
    assert len(counts) > 5
    assert counts == sorted(set(counts))
    assert sent_ids(world) == [event.id for event in world.log()]
