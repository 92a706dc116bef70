"""A finalization that fails for a while: nothing is raised, and a message has it tried again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from batchmgr.errors import ServiceBusyError
from batchmgr.model.job_states import JobState
from batchmgr.model.task_progress import ProgressReport
from batchmgr.ports import Ports
from batchmgr.usecases import finalize as module
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import MOST_ATTEMPTS, finalize_or_retry
from batchmgr.usecases.submit import submit
from tests.fake_files import FakeJobFiles
from tests.world import World, job_message


class Failing(FakeJobFiles):
    """Files that can't be read a number of times."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__()
        self._error = error
        self._times = times

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        if self._times:
            self._times -= 1
            raise self._error
        return []


async def ended(world: World, error: Exception, times: int) -> Ports:
    """Return ports on which the finalization of a job, whose tasks have ended, fails some times."""
    ports = replace(world.ports, files=Failing(error, times))
    await accept(ports, "job-1", job_message())
    await submit(ports, "job-1")
    stored = await world.jobs.load("job-1")
    run = msgspec.structs.replace(stored.value.run, can_report=True)
    await world.jobs.save(msgspec.structs.replace(stored.value, run=run), stored.etag)
    world.batch.run()
    return ports


@pytest.mark.parametrize("error", [ServiceBusyError("busy"), ZeroDivisionError()])
async def test_a_failed_attempt_is_repeated_by_a_message_with_a_longer_delay_each_time(
    error: Exception,
) -> None:
    world = World()
    ports = await ended(world, error, times=3)
    pauses = []
    for attempt in range(3):
        await finalize_or_retry(ports, "job-1", attempt)
        [message] = world.queue.messages
        world.queue.messages.clear()
        assert (message.queue, message.body, message.attempts) == ("finalize", "job-1", attempt + 1)
        pauses.append(message.visible_at - world.clock.now())
    assert pauses == [timedelta(seconds=seconds) for seconds in (2, 4, 8)]
    await finalize_or_retry(ports, "job-1", 3)
    assert world.record().state is JobState.SUCCEEDED
    assert world.queue.messages == []


async def test_a_retry_after_of_years_counts_for_five_minutes() -> None:
    world = World()
    ports = await ended(world, ServiceBusyError("busy", retry_after=timedelta(days=3650)), times=1)
    await finalize_or_retry(ports, "job-1")
    assert world.queue.messages[0].visible_at - world.clock.now() == timedelta(minutes=5)


async def test_after_ten_attempts_the_job_is_left_to_the_poller() -> None:
    world = World()
    ports = await ended(world, ServiceBusyError("busy"), times=1)
    await finalize_or_retry(ports, "job-1", MOST_ATTEMPTS)
    assert world.queue.messages == []
    for _ in range(20):
        await world.tick(ports)
    assert world.record().state is JobState.SUCCEEDED


async def test_if_the_message_cannot_be_sent_either_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    ports = await ended(world, ServiceBusyError("busy"), times=1)

    async def refuse(*arguments: object) -> None:
        raise ServiceBusyError("no queue")

    monkeypatch.setattr(world.queue, "enqueue_finalize", refuse)
    await finalize_or_retry(ports, "job-1")


async def test_a_finalization_that_hangs_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIME_LIMIT_SECONDS", 0.05)

    async def hang(ports: Ports, job_id: str) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(module, "finalize", hang)
    world = World()
    await finalize_or_retry(world.ports, "job-1")
    assert [message.queue for message in world.queue.messages] == ["finalize"]
