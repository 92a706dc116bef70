"""Long submissions: one process at a time works on a job, and another takes over when it dies."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import pytest

from batchmgr.errors import ServiceBusyError
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record_parts import Claim
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Added, Ports, ignored
from batchmgr.steps.claim import CLAIM_TIME
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import PORTION_TIME, submit
from batchmgr.wire.job_message import decode_job
from tests.fakes import FakeBatch, FakeClock
from tests.world import World, job_message, task

TASKS = 10_000


class SlowBatch(FakeBatch):
    """Azure Batch that takes its time: each call adds 100 tasks, and 16 calls run at a time."""

    def __init__(self, clock: FakeClock, call_time: timedelta) -> None:
        super().__init__(clock)
        self._clock_to_wait = clock
        self._call_time = call_time
        self.calls = 0
        self.busy_at: set[int] = set()
        """Numbers of calls that are answered with 429."""

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        rest, there = iter(tasks), 0
        while some := list(islice(rest, 1600)):
            await self._clock_to_wait.sleep(self._call_time)
            for first in range(0, len(some), 100):
                self.calls += 1
                if self.calls in self.busy_at:
                    raise ServiceBusyError("throttled", code="TooManyRequests", status=429)
                await super().add_tasks(plan, some[first : first + 100], access)
                there += len(some[first : first + 100])
                added(there)


def slow_world(call_seconds: float, tasks: int = TASKS) -> tuple[World, SlowBatch]:
    """Return a world with an accepted job, whose submission takes a while."""
    world = World()
    batch = SlowBatch(world.clock, timedelta(seconds=call_seconds))
    world.batch = batch
    world.ports = replace(world.ports, batch=batch)
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*(task(str(n)) for n in range(1, tasks + 1))))
    return world, batch


async def poll_every_five_seconds(ports: Ports) -> None:
    while True:
        await ports.clock.sleep(timedelta(seconds=5))
        await poll(ports)


async def handle_messages(world: World) -> None:
    """Handle the messages of the job request queue, each at its time, all that are visible at once."""
    while True:
        await world.clock.sleep(timedelta(seconds=1))
        due = [m for m in world.queue.messages if m.visible_at <= world.clock.now()]
        for message in due:
            world.queue.messages.remove(message)
        await asyncio.gather(*(submit(world.ports, message.body) for message in due))


async def run_until(world: World, state: JobState, limit: timedelta) -> None:
    """Let the poller and the queue trigger work in parallel until the job is in this state."""
    helpers = [
        asyncio.create_task(poll_every_five_seconds(world.ports)),
        asyncio.create_task(handle_messages(world)),
    ]
    try:
        async with asyncio.timeout(limit.total_seconds()):
            while world.record().state is not state:
                await world.clock.sleep(timedelta(seconds=1))
    finally:
        for helper in helpers:
            helper.cancel()


async def accepted(world: World) -> None:
    """Accept the job of the world, as `POST /jobs` does: its submission is a message."""
    await accept(world.ports, "job-1", decode_job(world.incoming.pop().body))
    await world.ports.queue.enqueue_submission("job-1")


async def test_a_submission_of_minutes_sends_each_task_once_in_several_portions() -> None:
    world, batch = slow_world(20)
    await accepted(world)
    await run_until(world, JobState.RUNNING, timedelta(minutes=10))
    assert batch.calls == TASKS // 100 + 1
    assert batch.created == ["job-1"] * len(batch.created)
    assert len(batch.jobs["job-1"].tasks) == TASKS + 1
    assert batch.jobs["job-1"].ends_when_done


async def test_no_call_works_much_longer_than_a_portion() -> None:
    world, _ = slow_world(20)
    await accepted(world)
    world.queue.messages.clear()
    begun = world.clock.now()
    await submit(world.ports, "job-1")
    assert PORTION_TIME <= world.clock.now() - begun <= PORTION_TIME + timedelta(seconds=20)
    assert [message.body for message in world.queue.messages] == ["job-1"]
    assert world.record().claim is None


async def test_messages_that_come_while_a_job_is_submitted_change_nothing() -> None:
    world, batch = slow_world(1)
    await accepted(world)
    await asyncio.gather(*(submit(world.ports, "job-1") for _ in range(5)), poll(world.ports))
    assert batch.calls == TASKS // 100 + 1
    assert world.record().state is JobState.RUNNING


async def test_the_poller_does_not_save_the_record_of_a_job_that_is_being_submitted() -> None:
    world, _ = slow_world(30, tasks=3200)
    await accepted(world)
    work = asyncio.create_task(submit(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=5))
    for _ in range(5):
        before = world.jobs.records["job-1"].etag
        await poll(world.ports)
        assert world.jobs.records["job-1"].etag == before
        await world.clock.sleep(timedelta(seconds=5, milliseconds=1))
    await work


@pytest.mark.parametrize("after_seconds", [1, 25, 45])
async def test_a_killed_submission_is_taken_over_within_a_minute_and_adds_only_what_is_missing(
    after_seconds: int,
) -> None:
    world, batch = slow_world(10)
    await accepted(world)
    world.queue.messages.clear()
    work = asyncio.create_task(submit(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=after_seconds))
    kill(work)
    killed_at = world.clock.now()
    known, dead = world.record().submission.tasks_added, world.record().claim
    batch.calls = 0
    taken_over = asyncio.create_task(claimed_by_another(world, dead))
    await run_until(world, JobState.RUNNING, timedelta(minutes=10))
    assert batch.calls == (TASKS - known) // 100 + 1
    assert await taken_over - killed_at < timedelta(minutes=1)


async def claimed_by_another(world: World, dead: Claim | None) -> datetime:
    """Wait until another process works on the job. Return the time."""
    while world.record().claim in (None, dead):
        await world.clock.sleep(timedelta(seconds=1))
    return world.clock.now()


async def test_a_submission_that_is_throttled_in_the_middle_continues_where_it_stopped() -> None:
    world, batch = slow_world(1)
    batch.busy_at = {40}
    await accepted(world)
    await run_until(world, JobState.RUNNING, timedelta(minutes=5))
    assert batch.calls == TASKS // 100 + 1 + 1  # only the call that was refused is repeated
    waiting = [event for event in world.log() if event.type == "batchmgr.job.waiting"]
    assert [event.data["code"] for event in waiting] == ["TooManyRequests"]


async def test_a_cancellation_in_the_middle_of_a_submission_leaves_nothing_running() -> None:
    world, batch = slow_world(5)
    await accepted(world)
    work = asyncio.create_task(submit(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=12))
    await cancel(world.ports, "job-1")
    await work
    del world.batch.run
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert batch.jobs["job-1"].state == "completed"


async def test_a_claim_is_renewed_while_its_holder_works_and_lapses_within_a_minute() -> None:
    world, _ = slow_world(60, tasks=3200)
    await accepted(world)
    work = asyncio.create_task(submit(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=59))
    assert world.record().is_claimed(world.clock.now())
    kill(work)
    assert timedelta(minutes=1) > CLAIM_TIME
    await world.clock.sleep(CLAIM_TIME)
    assert not world.record().is_claimed(world.clock.now())


async def test_a_quick_job_whose_submitter_was_killed_still_knows_its_total_and_results() -> None:
    world = World()
    world.enqueue(job_message())
    await accepted(world)
    world.queue.messages.clear()
    ended = world.batch.terminate_when_done

    async def dies(job_id: str) -> None:
        await ended(job_id)
        await asyncio.sleep(3600)

    world.batch.terminate_when_done = dies  # type: ignore[method-assign]
    work = asyncio.create_task(submit(world.ports, "job-1"))
    await world.clock.sleep(timedelta(seconds=1))
    kill(work)
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert world.record().run.total == 3
    assert [e.type.rpartition(".")[2] for e in world.log() if e.type.startswith("batchmgr.job.")][:3] == [
        "queued",
        "submitting",
        "running",
    ]


def kill(work: asyncio.Task[None]) -> None:
    """End the process of this work: neither it nor its renewals get a chance to do anything more."""
    for one in asyncio.all_tasks():
        coroutine = one.get_coro()
        if one is work or getattr(coroutine, "__qualname__", "") == "ClaimedJob.keep_renewing":
            one.cancel()
