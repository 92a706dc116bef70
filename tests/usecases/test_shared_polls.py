"""All instances of the app poll many active jobs. A job with many changes does not hold up the others."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.functions.queue_polls import poll_share
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.job_record_parts import Claim
from batchmgr.model.job_states import JobState
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.poll import JOBS_PER_MESSAGE, JOBS_POLLED_HERE, OTHER_MESSAGES, TURN_SECONDS, poll
from batchmgr.usecases.submit import submit
from batchmgr.usecases.wake import wake
from tests.world import World, job_message, task


async def world_of(jobs: int, tasks: int = 1) -> World:
    """Return a world with so many jobs, of each of which a task runs."""
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    for number in range(jobs):
        name = f"job-{number}"
        await accept(world.ports, name, job_message(*(task(str(n)) for n in range(tasks)), job_id=name))
        await submit(world.ports, name)
        world.batch.start_next_task(name)
    world.queue.messages.clear()
    return world


def count_calls(world: World, name: str, calls: Counter[str]) -> None:
    whole = getattr(world.batch, name)

    async def counted(job_id: str) -> Any:
        calls[job_id] += 1
        return await whole(job_id)

    setattr(world.batch, name, counted)


async def handle_polls(world: World) -> int:
    """Do what the instances of the app do with the messages. Return how many there were."""
    messages = [one for one in world.queue.messages if one.queue == "poll"]
    for message in messages:
        world.queue.messages.remove(message)
        await poll_share(world.ports, message.body.encode())
    return len(messages)


async def test_a_few_jobs_are_polled_at_once() -> None:
    world = await world_of(3)
    calls: Counter[str] = Counter()
    count_calls(world, "task_counts", calls)
    await poll(world.ports)
    assert calls == {"job-0": 1, "job-1": 1, "job-2": 1}
    assert world.queue.messages == []


async def test_many_jobs_are_shared_out_and_each_is_polled_once_a_round() -> None:
    jobs = JOBS_POLLED_HERE + 50
    world = await world_of(jobs)
    calls: Counter[str] = Counter()
    count_calls(world, "task_counts", calls)
    for round_number in (1, 2):
        await poll(world.ports)
        assert await handle_polls(world) == -(-jobs // JOBS_PER_MESSAGE)
        assert calls == {f"job-{number}": round_number for number in range(jobs)}


async def test_a_round_that_is_not_over_is_not_begun_again() -> None:
    world = await world_of(JOBS_POLLED_HERE + 1)
    for _ in range(20):
        await poll(world.ports)
    a_round = -(-(JOBS_POLLED_HERE + 1) // JOBS_PER_MESSAGE)
    assert len(world.queue.messages) < 2 * a_round + OTHER_MESSAGES


async def test_jobs_that_are_polled_apart_hold_up_no_round() -> None:
    jobs = JOBS_POLLED_HERE + 1
    world = await world_of(jobs)
    for number in range(10):
        await world.ports.queue.enqueue_long_poll(f"job-{number}")
    before = len(world.queue.messages)
    await poll(world.ports)
    assert len(world.queue.messages) == before + -(-jobs // JOBS_PER_MESSAGE)


async def test_an_idle_job_costs_one_call_and_its_record_is_not_read() -> None:
    world = await world_of(1)
    await poll(world.ports)
    calls: Counter[str] = Counter()
    count_calls(world, "task_counts", calls)

    async def load(job_id: str) -> Any:
        raise AssertionError("the record was read")

    world.jobs.load = load  # type: ignore[method-assign]
    await poll(world.ports)
    assert calls == {"job-0": 1}


async def test_a_job_whose_turn_is_too_short_is_polled_apart_and_the_others_go_on() -> None:
    world = await world_of(3, tasks=4)
    whole = world.batch.list_tasks

    async def slow(job_id: str, **options: Any) -> Any:
        if job_id == "job-1":
            await world.clock.sleep(timedelta(seconds=3 * TURN_SECONDS))
        async for one in whole(job_id, **options):
            yield one

    world.batch.list_tasks = slow  # type: ignore[method-assign]
    begun = world.clock.now()
    await poll(world.ports)
    assert world.clock.now() - begun <= timedelta(seconds=TURN_SECONDS)
    assert world.record("job-0").run.counts == TaskCounts(active=4, running=1)
    assert world.record("job-1").run.counts == TaskCounts()
    await poll(world.ports)
    assert [one.queue for one in world.queue.messages] == ["poll"]  # meanwhile it is left alone
    await handle_polls(world)
    assert world.record("job-1").run.counts == TaskCounts(active=4, running=1)
    await poll(world.ports)
    assert world.jobs.notes["job-1"].counts == TaskCounts(active=4, running=1)


async def test_a_message_that_is_no_poll_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    world = await world_of(0)
    await poll_share(world.ports, b'{"storedJobId": "job-1"}')
    assert "message dropped from batchmgr-polls" in caplog.text


async def quiet_world() -> World:
    """Return a world with a job that has been running for an hour without a change."""
    world = await world_of(1)
    for _ in range(2):
        world.clock.advance(timedelta(hours=1))
        await poll(world.ports)
    return world


async def test_a_visitor_wakes_a_job_that_is_polled_rarely() -> None:
    world = await quiet_world()
    assert world.jobs.notes["job-0"].look_at is not None
    await wake(world.ports, world.record("job-0"))
    assert world.jobs.notes["job-0"].look_at is None


async def test_a_cancellation_wakes_a_job() -> None:
    world = await quiet_world()
    await cancel(world.ports, "job-0")
    assert world.jobs.notes["job-0"].look_at is None


async def test_a_job_that_must_end_is_looked_at_each_time_until_it_has_ended() -> None:
    world = await quiet_world()
    job = await world.jobs.load("job-0")
    await world.jobs.save(job.value.cancellation_requested(world.clock.now()), job.etag)
    world.clock.advance(timedelta(hours=1))
    await poll(world.ports)
    assert world.jobs.notes["job-0"].look_at is None


async def test_a_job_that_is_being_finalized_is_looked_at_each_time() -> None:
    world = await world_of(1)
    now = world.clock.now()
    job = await world.jobs.load("job-0")
    claim = Claim(holder="another", until=now + timedelta(minutes=1))
    await world.jobs.save(job.value.finalizing(now).claimed(now, claim), job.etag)
    await poll(world.ports)
    noted = world.jobs.notes["job-0"]
    assert (noted.state, noted.look_at) == (JobState.FINALIZING, None)


async def test_a_visitor_does_not_wake_a_job_that_has_just_changed_or_has_ended() -> None:
    world = await world_of(1)
    await poll(world.ports)
    noted = world.jobs.notes["job-0"]
    await wake(world.ports, world.record("job-0"))
    assert world.jobs.notes["job-0"] == noted
    ended = (await quiet_world()).record("job-0").finalizing(world.clock.now())
    await wake(world.ports, ended.ended(world.clock.now(), JobState.SUCCEEDED, error=None))
    assert world.jobs.notes["job-0"] == noted


async def test_a_note_is_not_made_where_somebody_has_woken_the_job_since() -> None:
    world = await world_of(1)
    [entry] = [one async for one in world.ports.jobs.active_jobs()]
    await world.ports.jobs.activate("job-0")
    await world.ports.jobs.note_active(ActiveJob(job_id="job-0", state=JobState.RUNNING, etag=entry.etag))
    [entry] = [one async for one in world.ports.jobs.active_jobs()]
    assert entry.state is None
