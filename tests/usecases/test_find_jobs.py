"""Jobs are found by what they have in common, the newest first, whatever has died in between."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from batchmgr.errors import InvalidQueryError, ServiceBusyError
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.job_query import JobQuery
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.steps.outbox import create
from batchmgr.usecases import find_jobs as module
from batchmgr.usecases.accept import accept, restore
from batchmgr.usecases.find_jobs import find_jobs
from batchmgr.usecases.purge import purge
from batchmgr.usecases.repair_list import repair_list
from tests.world import World, job_message, task

FAILED = frozenset({JobState.FAILED})
RUNNING = frozenset({JobState.RUNNING})


async def found(world: World, limit: int = 50, **query: Any) -> list[str]:
    """The ids of all jobs of a query, page by page."""
    ids, token = list[str](), ""
    while True:
        page, token = await find_jobs(world.ports, JobQuery(**query), limit, token)
        assert len(page) <= limit
        ids += [record.job_id for record in page]
        if not token:
            return ids


async def ended_world() -> World:
    """Five jobs, a second after each other; the second and the fourth have failed."""
    world = World()
    for number in range(1, 6):
        command = "/bin/false" if number in {2, 4} else "/bin/true"
        message = job_message(task("1", command), job_id=f"Job-{number}", callback="")
        world.enqueue(replace(message, metadata={"user": "ada" if number < 3 else "bob", "n": str(number)}))
        await world.tick()
    await world.run_until_idle()
    return world


def parts(world: World) -> dict[str, list[str]]:
    """The ids of the jobs in each part of the list."""
    return {
        part.value: [entry.job_id for _, entry in sorted(entries.items())]
        for part, entries in world.listing.parts.items()
    }


async def test_each_job_is_in_one_part_of_the_list_and_is_found_the_newest_first() -> None:
    world = await ended_world()
    world.batch.nodes = []
    world.enqueue(job_message(job_id="Job-6"))
    await world.tick()
    ids = [f"Job-{number}" for number in (6, 5, 4, 3, 2, 1)]
    assert parts(world) == {
        "active": ["Job-6"],
        "succeeded": ["Job-5", "Job-3", "Job-1"],
        "unsuccessful": ["Job-4", "Job-2"],
    }
    for limit in (1, 2, 3, 6, 50):
        assert await found(world, limit) == ids


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_every_part_of_a_query_selects(limit: int) -> None:
    world = await ended_world()
    created = [world.record(f"job-{number}").created_at for number in range(1, 6)]
    assert all(one < other for one, other in pairwise(created))
    for query, numbers in (
        ({"states": FAILED}, [4, 2]),
        ({"states": frozenset({JobState.SUCCEEDED})}, [5, 3, 1]),
        ({"states": RUNNING}, []),
        ({"states": FAILED | RUNNING}, [4, 2]),
        ({"metadata": {"user": "ada"}}, [2, 1]),
        ({"metadata": {"user": "bob", "n": "4"}}, [4]),
        ({"metadata": {"user": "ada"}, "states": FAILED}, [2]),
        ({"metadata": {"user": ""}}, []),
        ({"workload": ""}, [5, 4, 3, 2, 1]),
        ({"workload": "other"}, []),
        ({"prefix": "JOB-3"}, [3]),
        ({"since": created[2]}, [5, 4, 3]),
        ({"until": created[2]}, [2, 1]),
        ({"since": created[1], "until": created[3]}, [3, 2]),
    ):
        assert await found(world, limit, **query) == [f"Job-{number}" for number in numbers], query


async def test_the_record_of_an_active_job_says_its_state() -> None:
    world = World()
    world.batch.nodes = []
    for number in (1, 2):
        world.enqueue(job_message(job_id=f"Job-{number}"), f"m-{number}")
        await world.tick()
    assert await found(world, states=RUNNING) == ["Job-2", "Job-1"]
    job = await world.jobs.load("job-2")
    await world.jobs.save(job.value.finalizing(world.clock.now()), job.etag)
    assert await found(world, states=RUNNING) == ["Job-1"]
    assert await found(world, states=frozenset({JobState.FINALIZING})) == ["Job-2"]


async def test_metadata_that_the_list_does_not_hold_are_looked_up_in_the_record() -> None:
    world = await ended_world()
    for entries in world.listing.parts.values():
        for key, entry in entries.items():
            entries[key] = replace(entry, metadata=None, workload=None)
    assert await found(world, 2, metadata={"user": "ada"}) == ["Job-2", "Job-1"]
    assert await found(world, 2, workload="other") == []


async def test_a_failed_job_is_found_as_such_while_its_callback_is_tried() -> None:
    world = World()
    world.callbacks.failures = 100
    world.enqueue(job_message(task("1", "/bin/false"), job_id="Job-1"))
    for _ in range(10):
        await world.tick()
    assert "job-1" in world.jobs.active
    assert await found(world, states=FAILED) == ["Job-1"]


async def test_pages_have_no_gaps_and_no_repeats_while_jobs_end() -> None:
    world = World()
    records = [await stored(world, number) for number in range(20)]
    ids, token = list[str](), ""
    for turn in range(100):
        page, token = await find_jobs(world.ports, JobQuery(), 3, token)
        ids += [record.job_id for record in page]
        if not token:
            break
        for number in (turn, 19 - turn):  # of the newest ones, and of the oldest ones
            entry = JobEntry.of(records[number])
            await world.listing.add(entry.moved_to(ListPart.SUCCEEDED))
            await world.listing.remove(entry)
    assert ids == [f"Job-{number}" for number in reversed(range(20))]


async def stored(world: World, number: int, state: JobState = JobState.RUNNING) -> JobRecord:
    now = world.clock.now()
    world.clock.advance(timedelta(seconds=1))
    record = JobRecord(
        job_id=f"Job-{number}", state=state, workload="w", digest="", created_at=now, updated_at=now
    )
    await create(world.ports, record)
    return record


async def test_an_answer_looks_at_so_many_entries_and_records_and_then_says_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    for number in range(30):
        await stored(world, number)
    monkeypatch.setattr(module, "MOST_ENTRIES", 10)
    page, token = await find_jobs(world.ports, JobQuery(prefix="job-2"), 50)
    assert [record.job_id for record in page] == [f"Job-{n}" for n in range(29, 19, -1)]
    page, token = await find_jobs(world.ports, JobQuery(prefix="job-2"), 50, token)
    assert (page, bool(token)) == ([], True)
    assert len(await found(world, prefix="job-2")) == 11
    monkeypatch.setattr(module, "MOST_ENTRIES", 1000)
    monkeypatch.setattr(module, "MOST_RECORDS", 4)
    page, token = await find_jobs(world.ports, JobQuery(states=FAILED | RUNNING, workload="w"), 50)
    assert len(page) == 30
    assert await found(world, 2, states=frozenset({JobState.QUEUED})) == []


async def test_a_first_page_costs_a_call_for_each_part_and_one_for_each_job_in_it() -> None:
    world = await ended_world()
    calls: Counter[str] = Counter()
    for port, name in ((world.listing, "page"), (world.jobs, "load_small")):
        _count(calls, port, name)
    await find_jobs(world.ports, JobQuery(), 3)
    assert calls == {"page": 3, "load_small": 3}
    calls.clear()
    await find_jobs(world.ports, JobQuery(states=FAILED), 1)
    assert calls == {"page": 1, "load_small": 1}


def _count(calls: Counter[str], port: object, name: str) -> None:
    whole = getattr(port, name)

    async def counted(*arguments: object) -> object:
        calls[name] += 1
        return await whole(*arguments)

    setattr(port, name, counted)


@pytest.mark.parametrize("token", ["x", "e30", "bnVsbA", "!", "eyJhZnRlciI6MX0", "ü"])
async def test_a_token_that_no_answer_has_had_is_wrong(token: str) -> None:
    with pytest.raises(InvalidQueryError):
        await find_jobs(World().ports, JobQuery(), 10, token)


async def test_a_deleted_job_is_found_no_more() -> None:
    world = await ended_world()
    assert await purge(world.ports, "job-2")
    assert await purge(world.ports, "job-3")
    assert await found(world) == ["Job-5", "Job-4", "Job-1"]
    assert sum(map(len, world.listing.parts.values())) == 3


async def test_of_two_entries_of_one_job_only_the_true_one_is_found() -> None:
    world = World()
    message = job_message(job_id="Job-1")
    await world.jobs.save_request("Job-1", message)
    whole = world.jobs.create

    async def dies(record: JobRecord) -> Any:
        raise ServiceBusyError("storage is busy")

    world.jobs.create = dies  # type: ignore[method-assign]
    with pytest.raises(ServiceBusyError):
        await accept(world.ports, "Job-1", message)
    assert await found(world) == []
    world.jobs.create = whole  # type: ignore[method-assign]
    world.clock.advance(timedelta(seconds=30))
    assert await restore(world.ports, "job-1")
    assert parts(world)["active"] == ["Job-1", "Job-1"]
    assert await found(world) == ["Job-1"]
    await repair_list(world.ports)
    assert parts(world)["active"] == ["Job-1"]
    assert await found(world) == ["Job-1"]


async def test_jobs_of_an_earlier_version_are_listed_after_one_repair() -> None:
    world = await ended_world()
    world.enqueue(job_message(job_id="Job-6"))
    world.batch.nodes = []
    await world.tick()
    before = {part: dict(entries) for part, entries in world.listing.parts.items()}
    for entries in world.listing.parts.values():
        entries.clear()
    assert await found(world) == []
    await repair_list(world.ports)
    assert world.listing.parts == before
    assert len(await found(world)) == 6


async def test_a_repair_moves_what_is_in_the_wrong_part_and_removes_what_has_no_record() -> None:
    world = await ended_world()
    before = {part: dict(entries) for part, entries in world.listing.parts.items()}
    for number in (1, 2):
        entry = JobEntry.of(world.record(f"job-{number}"))
        await world.listing.remove(entry)
        await world.listing.add(entry.moved_to(ListPart.ACTIVE))
    await world.listing.add(JobEntry.of(world.record("job-3")).moved_to(ListPart.ACTIVE))
    gone = replace(world.record("job-4"), job_id="gone")
    await world.listing.add(JobEntry.of(gone))
    young = JobEntry.of(replace(gone, created_at=world.clock.now() + timedelta(hours=1.5), job_id="young"))
    await world.listing.add(young)
    world.clock.advance(timedelta(hours=2))
    await repair_list(world.ports)
    before[young.part][young.key] = young
    assert world.listing.parts == before
    world.clock.advance(timedelta(hours=2))
    await repair_list(world.ports)
    del before[young.part][young.key]
    assert world.listing.parts == before


async def test_a_repair_leaves_jobs_alone_that_are_accepted_meanwhile() -> None:
    world = World()
    whole = world.jobs.list_ids

    async def list_ids(limit: int, token: str) -> Any:
        ids = await whole(limit, token)
        await stored(world, 7)
        return ids

    world.jobs.list_ids = list_ids  # type: ignore[method-assign]
    await repair_list(world.ports)
    assert await found(world) == ["Job-7"]


async def test_a_repair_is_bounded_and_an_error_stops_only_one_job(caplog: pytest.LogCaptureFixture) -> None:
    world = await ended_world()
    for entries in world.listing.parts.values():
        entries.clear()
    whole = world.jobs.load_small

    async def slow(job_id: str) -> JobRecord | None:
        world.clock.advance(timedelta(seconds=40))
        if job_id == "job-3":
            raise ServiceBusyError("storage is busy")
        return await whole(job_id)

    world.jobs.load_small = slow  # type: ignore[method-assign]
    await repair_list(world.ports)
    assert "job job-3 is left to the next run: storage is busy" in caplog.text
    world.jobs.load_small = whole  # type: ignore[method-assign]
    assert len(await found(world)) == 4
