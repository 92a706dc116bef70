"""A taskPerFile job whose blobs take long to list: it tells how far it is, and nothing takes too long."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from batchmgr.errors import InvalidJobError, ServiceBusyError
from batchmgr.functions.time_limit import TIME_LIMIT_SECONDS
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_states import JobState
from batchmgr.model.waiting_for import LISTING_BLOBS
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.steps import list_source as listing
from batchmgr.steps.claim import CLAIM_TIME
from batchmgr.steps.list_source import list_source
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.submit import PORTION_TIME, submit
from batchmgr.wire.events import JOB_WAITING
from batchmgr.wire.factory_message import BlobSource, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import TaskTemplate
from tests.fake_files import FakeNodeStorage
from tests.fakes import FakeClock
from tests.world import CALLBACK, World

SOURCE = BlobSource(container_name="files", prefix="in/", pattern="*.txt")
PAGE = 5000


class SlowStorage(FakeNodeStorage):
    """Storage that takes some time for each 5,000 blobs. Every tenth blob is a text."""

    def __init__(self, clock: FakeClock, blobs: int, page_time: timedelta) -> None:
        super().__init__()
        self._clock = clock
        self.count = blobs
        self.page_time = page_time
        self.listings = 0

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        self.listings += 1
        for number in range(self.count):
            if number % PAGE == 0:
                await self._clock.sleep(self.page_time)
            yield f"{prefix}{number:07}.{'txt' if number % 10 == 0 else 'bin'}"


def world_with(blobs: int, page_time: timedelta) -> tuple[World, SlowStorage]:
    world = World()
    storage = SlowStorage(world.clock, blobs, page_time)
    world.ports = replace(world.ports, storage=storage)
    return world, storage


def per_file() -> JobMessage:
    factory = TaskPerFile(source=SOURCE, repeat_task=TaskTemplate(command_line="wc {0}"))
    return JobMessage(job_id="job-1", call_back_uri=CALLBACK, task_factory=factory)


@asynccontextmanager
async def submitting(world: World) -> AsyncIterator[None]:
    """A process submits the job meanwhile."""
    async with asyncio.TaskGroup() as group:
        group.create_task(submit(world.ports, "job-1"))
        yield


def told(world: World) -> list[Event]:
    """The events that say how far the listing has come."""
    return [
        event for event in world.log() if event.type == JOB_WAITING and event.data["code"] == LISTING_BLOBS
    ]


async def test_a_listing_that_takes_long_says_every_few_seconds_how_many_blobs_it_has_found() -> None:
    world, _ = world_with(40_000, timedelta(seconds=3))
    await accept(world.ports, "job-1", per_file())
    await submit(world.ports, "job-1")
    events = told(world)
    assert [(event.data["listed"], event.data["found"]) for event in events] == [
        (5_000, 500),
        (15_000, 1_500),
        (20_000, 2_000),
        (30_000, 3_000),
    ]
    assert events[0].data["reason"] == (
        "batchmgr lists the blobs of container 'files': 5,000 so far, and 500 of them match"
    )
    times = [event.time for event in events]
    assert all(later - sooner >= listing.TELL_PAUSE for sooner, later in pairwise(times))
    assert len({event.id for event in events}) == len(events)
    record = world.record()
    assert (record.state, record.run.total, record.waits_for) == (JobState.RUNNING, 4001, None)


async def test_the_status_of_a_job_says_how_far_its_listing_is_and_others_leave_the_job_alone() -> None:
    world, storage = world_with(80_000, timedelta(seconds=3))
    await accept(world.ports, "job-1", per_file())

    async with submitting(world):
        await world.clock.sleep(timedelta(seconds=40))
        waits_for = world.record().waits_for
        assert waits_for is not None
        assert waits_for.code == LISTING_BLOBS
        assert "65,000 so far, and 6,500 of them match" in waits_for.reason
        assert timedelta(seconds=40) > CLAIM_TIME
        await submit(world.ports, "job-1")  # the claim was renewed: another process does nothing
        assert storage.listings == 1
    assert world.record().state is JobState.SUBMITTING
    assert world.record().submission.tasks_added > 0
    await world.run_until_idle()
    assert (world.record().state, storage.listings) == (JobState.SUCCEEDED, 1)
    assert len(world.callbacks.received) == 1


async def test_a_listing_in_no_time_tells_nothing() -> None:
    world, _ = world_with(40_000, timedelta(milliseconds=150))
    await accept(world.ports, "job-1", per_file())
    await submit(world.ports, "job-1")
    assert told(world) == []
    assert world.record().state is JobState.RUNNING


async def test_a_job_that_is_cancelled_while_its_blobs_are_listed_ends_at_once() -> None:
    world, _ = world_with(400_000, timedelta(seconds=1))
    await accept(world.ports, "job-1", per_file())
    begun = world.clock.now()
    async with submitting(world):
        await world.clock.sleep(timedelta(seconds=12))
        await cancel(world.ports, "job-1")
    assert world.clock.now() - begun < timedelta(seconds=20)
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert world.batch.created == []


async def test_a_listing_that_is_too_slow_is_put_off_and_goes_on_when_storage_is_quicker() -> None:
    assert (listing.TIME_LIMIT + PORTION_TIME).total_seconds() <= TIME_LIMIT_SECONDS
    world, storage = world_with(100_000, timedelta(seconds=10))
    await accept(world.ports, "job-1", per_file())
    begun = world.clock.now()
    await submit(world.ports, "job-1")
    assert world.clock.now() - begun <= listing.TIME_LIMIT + timedelta(seconds=1)
    record = world.record()
    assert record.claim is None
    assert record.waits_for is not None
    assert (record.waits_for.code, record.state) == ("Timeout", JobState.SUBMITTING)
    assert "only 25,000 blobs of container 'files' were listed in 60 s" in record.waits_for.reason
    storage.page_time = timedelta(milliseconds=150)
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_source_that_has_too_many_blobs_rejects_the_job_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "MAX_LISTED", 20_000)
    storage = SlowStorage(FakeClock(), 20_000, timedelta(milliseconds=1))
    assert len(await list_source(storage, SOURCE)) == 2_000
    world, storage = world_with(20_001, timedelta(milliseconds=1))
    world.enqueue(per_file())
    await world.run_until_idle()
    error = world.record().error
    assert error is not None
    assert (error.code, error.field) == ("InvalidJob", "taskFactory.source.prefix")
    assert "more than 20,000 blobs begin with 'in/': give a longer prefix" in error.message
    with pytest.raises(InvalidJobError):
        await list_source(storage, SOURCE)


async def test_a_preview_does_not_wait_longer_than_a_submission() -> None:
    storage = SlowStorage(FakeClock(), 100_000, timedelta(seconds=10))
    with pytest.raises(ServiceBusyError):
        await list_source(storage, SOURCE)
