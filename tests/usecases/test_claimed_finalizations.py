"""Long finalizations: one process at a time works out how a job has ended; if it dies, another takes over."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from batchmgr.errors import ServiceBusyError
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.task_progress import ProgressReport
from batchmgr.ports import Versioned
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize, finalize_or_retry
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from tests.fake_files import FakeJobFiles
from tests.fakes import FakeClock
from tests.world import World, job_message


class Killed(BaseException):
    """The process dies: nothing that it would do afterwards is done."""


class SlowFiles(FakeJobFiles):
    """Storage that takes 40 seconds to list the reports of a job's tasks."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.listings = 0
        self.error: BaseException | None = None

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        self.listings += 1
        if self.error is not None:
            raise self.error
        await self._clock.sleep(timedelta(seconds=40))
        return []


async def over() -> tuple[World, SlowFiles]:
    """Return a world with a job whose tasks are over. To finalize it takes 40 seconds."""
    world = World()
    files = SlowFiles(world.clock)
    world.ports = replace(world.ports, files=files)
    await accept(world.ports, "job-1", job_message())
    await submit(world.ports, "job-1")
    stored = await world.jobs.load("job-1")
    run = msgspec.structs.replace(stored.value.run, can_report=True)
    await world.jobs.save(msgspec.structs.replace(stored.value, run=run), stored.etag)
    world.queue.messages.clear()
    world.batch.run()
    return world, files


async def poll_for(world: World, duration: timedelta) -> None:
    """Let the poller look every five seconds, and wait for no poll before the next.

    Messages are handled, too.
    """
    ends_at = world.clock.now() + duration
    async with asyncio.TaskGroup() as group:
        while world.clock.now() < ends_at and not world.record().state.is_final:
            group.create_task(poll(world.ports))
            for message in [one for one in world.queue.messages if one.queue == "finalize"]:
                world.queue.messages.remove(message)
                group.create_task(finalize_or_retry(world.ports, "job-1", message.attempts))
            await world.clock.sleep(timedelta(seconds=5))


async def test_a_job_that_is_being_finalized_is_left_alone() -> None:
    world, files = await over()
    await asyncio.gather(
        finalize(world.ports, "job-1"),
        poll_for(world, timedelta(minutes=2)),
        *(finalize_or_retry(world.ports, "job-1") for _ in range(3)),
    )
    assert world.record().state is JobState.SUCCEEDED
    assert files.listings == 1
    await world.deliveries.finish()
    assert len(world.callbacks.received) == 1


async def test_a_killed_finalization_is_taken_over_once_its_claim_has_lapsed() -> None:
    world, files = await over()
    files.error = Killed()
    with pytest.raises(Killed):
        await finalize(world.ports, "job-1")
    files.error = None
    killed_at, claim = world.clock.now(), world.record().claim
    assert claim is not None
    assert claim.until - killed_at <= timedelta(minutes=1)
    await finalize(world.ports, "job-1")
    assert world.record().claim == claim
    await poll_for(world, timedelta(minutes=5))
    assert world.record().state is JobState.SUCCEEDED
    assert files.listings == 2
    assert world.clock.now() - killed_at < timedelta(minutes=2)
    await world.deliveries.finish()
    assert len(world.callbacks.received) == 1


async def test_a_job_whose_finalization_is_killed_is_looked_at_with_the_next_poll() -> None:
    world, files = await over()
    [entry] = [one async for one in world.ports.jobs.active_jobs()]
    later = world.clock.now() + timedelta(minutes=10)
    await world.ports.jobs.note_active(ActiveJob.of(world.record(), later, etag=entry.etag))
    files.error = Killed()
    with pytest.raises(Killed):
        await finalize(world.ports, "job-1")
    assert world.jobs.notes["job-1"].look_at is None


async def test_a_failed_finalization_gives_its_claim_back() -> None:
    world, files = await over()
    files.error = ServiceBusyError("busy")
    await finalize_or_retry(world.ports, "job-1")
    assert world.record().claim is None
    files.error = None
    [message] = world.queue.messages
    await finalize_or_retry(world.ports, "job-1", message.attempts)
    assert world.record().state is JobState.SUCCEEDED


async def test_a_claim_is_given_back_although_somebody_saves_the_record_in_between() -> None:
    world, files = await over()
    files.error = ServiceBusyError("busy")
    load = world.jobs.load
    touched: list[Versioned[JobRecord]] = []

    async def overtaken(job_id: str) -> Versioned[JobRecord]:
        job = await load(job_id)
        if job.value.claim is not None and not touched:
            touched.append(await world.jobs.save(job.value, job.etag))  # now `job` is an old version
        return job

    world.jobs.load = overtaken  # type: ignore[method-assign]
    with pytest.raises(ServiceBusyError):
        await finalize(world.ports, "job-1")
    assert touched
    assert world.record().claim is None


async def test_a_finalization_that_takes_too_long_gives_its_claim_back() -> None:
    world, files = await over()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(20):
            await finalize(world.ports, "job-1")
    assert world.record().claim is None
    assert files.listings == 1


async def test_a_job_that_is_cancelled_while_it_is_finalized_is_concluded_by_the_same_process() -> None:
    world, _ = await over()
    work = asyncio.create_task(finalize(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=10))
    await cancel(world.ports, "job-1")
    await work
    assert world.record().state is JobState.CANCELLED
    await world.deliveries.finish()
    assert len(world.callbacks.received) == 1
