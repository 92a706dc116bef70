"""However many wait for a job, its record is looked at once a second at most, and only while they wait."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from msgspec.structs import replace

from batchmgr.adapters.job_followers import FOLLOWED, JobFollowers
from batchmgr.errors import JobNotFoundError, ServiceBusyError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Versioned
from batchmgr.steps.follow import follow
from batchmgr.usecases.poll import poll
from tests.world import World, job_message, task

MINUTE = timedelta(seconds=60)


async def stored(world: World, number: int = 1, state: JobState = JobState.RUNNING) -> Versioned[JobRecord]:
    now = world.clock.now()
    record = JobRecord(
        job_id=f"job-{number}", state=state, workload="", digest="", created_at=now, updated_at=now
    )
    return await world.jobs.create(record)


def count_looks(world: World) -> Counter[str]:
    looks: Counter[str] = Counter()
    whole = world.jobs.load_changed

    async def load_changed(job_id: str, etag: str) -> Versioned[JobRecord] | None:
        looks[job_id] += 1
        return await whole(job_id, etag)

    world.jobs.load_changed = load_changed  # type: ignore[method-assign]
    return looks


async def versions(world: World, job_id: str, time: timedelta = MINUTE) -> list[str]:
    return [job.value.pool_id async for job in follow(world.ports, job_id, time)]


async def test_two_hundred_who_wait_for_fifty_jobs_cost_fifty_looks_a_second_at_most(world: World) -> None:
    for number in range(50):
        await stored(world, number)
    looks = count_looks(world)
    seen = await asyncio.gather(*(versions(world, f"job-{number % 50}") for number in range(200)))
    assert seen == [[""]] * 200
    assert len(looks) == 50
    assert max(looks.values()) <= 10 + 26  # each second at first, then each other second


async def test_all_who_wait_see_the_change_and_nobody_looks_when_they_are_gone(world: World) -> None:
    job = await stored(world)
    looks = count_looks(world)
    waiting = [asyncio.create_task(versions(world, name)) for name in ("job-1", "JOB-1", "job-1")]
    await world.clock.sleep(timedelta(seconds=3))
    await world.jobs.save(replace(job.value, pool_id="other"), job.etag)
    assert await asyncio.gather(*waiting) == [["", "other"]] * 3
    before = looks["job-1"]
    await world.clock.sleep(MINUTE)
    assert looks["job-1"] == before


async def test_who_comes_later_is_told_only_of_what_is_new_to_him(world: World) -> None:
    job = await stored(world)
    first = asyncio.create_task(versions(world, "job-1"))
    await world.clock.sleep(timedelta(seconds=1.5))
    await world.jobs.save(replace(job.value, pool_id="other"), job.etag)
    second = asyncio.create_task(versions(world, "job-1"))
    assert await first == ["", "other"]
    assert await second == ["other"]


async def test_who_comes_while_a_look_is_under_way_is_not_told_of_what_was_before(world: World) -> None:
    job = await stored(world)
    whole = world.jobs.load_changed

    async def slow(job_id: str, etag: str) -> Versioned[JobRecord] | None:
        found = await whole(job_id, etag)
        await world.clock.sleep(timedelta(seconds=5))
        return found

    world.jobs.load_changed = slow  # type: ignore[method-assign]
    first = asyncio.create_task(versions(world, "job-1"))
    await world.clock.sleep(timedelta(seconds=2))
    await world.jobs.save(replace(job.value, pool_id="other"), job.etag)
    assert await versions(world, "job-1") == ["other"]
    assert await first == ["", "other"]


async def test_who_hangs_up_leaves_the_others_alone(world: World) -> None:
    job = await stored(world)
    gone, waiting = (asyncio.create_task(versions(world, "job-1")) for _ in range(2))
    await world.clock.sleep(timedelta(seconds=3))
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await world.jobs.save(replace(job.value, pool_id="other"), job.etag)
    assert await waiting == ["", "other"]


async def test_a_storage_that_is_busy_for_a_while_is_asked_again(world: World) -> None:
    job = await stored(world)
    whole, failures = world.jobs.load_changed, 5

    async def failing(job_id: str, etag: str) -> Versioned[JobRecord] | None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ServiceBusyError("storage is busy", status=503)
        return await whole(job_id, etag)

    world.jobs.load_changed = failing  # type: ignore[method-assign]
    waiting = asyncio.create_task(versions(world, "job-1"))
    await asyncio.sleep(0)
    await world.jobs.save(replace(job.value, pool_id="other"), job.etag)
    assert await waiting == ["", "other"]


async def test_a_bug_is_raised_where_somebody_waits(world: World) -> None:
    await stored(world)

    async def broken(job_id: str, etag: str) -> None:
        raise ZeroDivisionError

    world.jobs.load_changed = broken  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await versions(world, "job-1")


async def test_who_waits_when_the_app_is_stopped_is_told_to_ask_again(world: World) -> None:
    job = await stored(world)
    async with JobFollowers(world.jobs, world.clock) as followers:
        waiting = asyncio.create_task(followers.changed(job.value, job.etag))
        await world.clock.sleep(timedelta(seconds=1))
    with pytest.raises(ServiceBusyError, match="send the request again"):
        await waiting
    with pytest.raises(ServiceBusyError, match="send the request again"):
        await followers.changed(job.value, job.etag)


async def test_a_job_that_is_deleted_and_stored_anew_is_told_or_not_found(world: World) -> None:
    await stored(world)
    waiting = asyncio.create_task(versions(world, "job-1"))
    await world.clock.sleep(timedelta(seconds=1.5))
    del world.jobs.records["job-1"]
    with pytest.raises(JobNotFoundError):
        await waiting


async def test_a_job_that_somebody_waits_for_is_looked_at_by_each_poll_and_then_no_more(world: World) -> None:
    world.enqueue(job_message(task("1", "sleep"), task("2", "/bin/true", "1")))
    world.batch.nodes = []
    await world.tick()
    for _ in range(3):
        world.clock.advance(timedelta(hours=1))
        await poll(world.ports)
    begun = world.clock.now()
    assert not world.jobs.notes["job-1"].is_due(begun + timedelta(seconds=1), begun)
    waiting = asyncio.create_task(versions(world, "job-1"))
    await world.clock.sleep(timedelta(seconds=0.5))
    looked = count_loads(world)
    for second in range(1, 4):
        await poll(world.ports, begun + timedelta(seconds=second - 1))
    assert looked == {"job-1": 3}
    await waiting
    world.clock.advance(FOLLOWED)
    await poll(world.ports, world.clock.now())
    now = world.clock.now()
    assert not world.jobs.notes["job-1"].is_due(now + timedelta(seconds=1), now)


def count_loads(world: World) -> Counter[str]:
    loads: Counter[str] = Counter()
    whole = world.jobs.load

    async def load(job_id: str) -> Versioned[JobRecord]:
        loads[job_id] += 1
        return await whole(job_id)

    world.jobs.load = load  # type: ignore[method-assign]
    return loads


async def test_the_poller_is_told_twice_a_minute_of_a_quiet_job_and_never_of_another(world: World) -> None:
    told: Counter[str] = Counter()

    async def activate(job_id: str, **options: object) -> None:
        told[job_id] += 1

    world.jobs.activate = activate  # type: ignore[method-assign]
    for number, state in enumerate((JobState.RUNNING, JobState.RUNNING, JobState.SUCCEEDED)):
        job = await stored(world, number, state)
        age = timedelta(0) if number == 0 else timedelta(hours=1)
        await world.jobs.save(replace(job.value, updated_at=world.clock.now() - age), job.etag)
    await asyncio.gather(*(versions(world, name, FOLLOWED * 0.6) for name in ("job-0", "job-1", "job-2") * 5))
    assert told == {"job-1": 2}
