"""The contract of the JobStore port."""

import asyncio
from io import BytesIO
from random import Random

import msgspec
import pytest

from batchmgr.errors import JobNotFoundError, RecordChangedError
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.wire.job_message import JobMessage
from tests.contract.test_event_log import NOW, event
from tests.world import job_message

LARGE_PLAN = Random(1).randbytes(10_000_000)


def record(ports: Ports, job_id: str = "Job-1") -> JobRecord:
    now = ports.clock.now()
    return JobRecord(
        job_id=job_id, state=JobState.QUEUED, workload="w", digest="d", created_at=now, updated_at=now
    )


async def test_the_first_request_of_an_id_is_never_replaced(ports: Ports) -> None:
    assert await ports.jobs.save_request("Job-1", job_message(job_id="")) is None
    before = await ports.jobs.save_request("job-1", JobMessage(workload="other"))
    assert before == job_message(job_id="Job-1")
    assert await ports.jobs.load_request("JOB-1") == before


async def test_a_request_that_was_never_stored_is_not_found(ports: Ports) -> None:
    with pytest.raises(JobNotFoundError, match="nope"):
        await ports.jobs.load_request("nope")


async def test_two_writers_of_a_jobs_tasks_both_get_the_stored_ones(ports: Ports) -> None:
    assert await ports.jobs.load_tasks("Job-1") is None
    bodies = [b'{"tasks":[1]}', b'{"tasks":[2]}']
    one, other = await asyncio.gather(*(ports.jobs.save_tasks("Job-1", body) for body in bodies))
    assert one == other
    assert one in bodies
    assert await ports.jobs.load_tasks("JOB-1") == one
    assert await ports.jobs.save_tasks("job-1", b"later") == one


async def test_stored_tasks_are_not_records_and_activate_no_job(ports: Ports) -> None:
    await ports.jobs.save_tasks("job-1", b"{}")
    assert await ports.jobs.list_ids(10, "") == ([], "")
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []


async def test_a_plan_of_many_blocks_is_stored_once_and_read_again(ports: Ports) -> None:
    assert await loaded_plan(ports, "Job-1") is None
    assert await ports.jobs.save_plan("Job-1", BytesIO(LARGE_PLAN))
    assert not await ports.jobs.save_plan("job-1", BytesIO(b"later"))
    assert not await ports.jobs.save_plan("job-1", BytesIO(LARGE_PLAN))
    assert await loaded_plan(ports, "JOB-1") == LARGE_PLAN


@pytest.mark.parametrize("size", [10, 1 << 21, 9_000_000])
async def test_two_writers_of_a_plan_never_mix_their_blocks_and_one_is_told_that_it_is_late(
    ports: Ports, size: int
) -> None:
    plans = [letter * size for letter in (b"a", b"b", b"c")]
    stored = await asyncio.gather(*(ports.jobs.save_plan("job-1", BytesIO(plan)) for plan in plans))
    assert stored.count(True) == 1
    assert await loaded_plan(ports, "job-1") == plans[stored.index(True)]


async def test_a_plan_is_read_from_where_its_file_stands(ports: Ports) -> None:
    file = BytesIO(b"before after")
    file.seek(7)
    await ports.jobs.save_plan("job-1", file)
    assert await loaded_plan(ports, "job-1") == b"after"


async def test_a_stored_plan_is_no_record_and_activates_no_job(ports: Ports) -> None:
    await ports.jobs.save_plan("job-1", BytesIO(b"{}"))
    assert await ports.jobs.list_ids(10, "") == ([], "")
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []


async def loaded_plan(ports: Ports, job_id: str) -> bytes | None:
    file = BytesIO()
    return file.getvalue() if await ports.jobs.load_plan(job_id, file) else None


async def test_creating_a_record_twice_keeps_the_first(ports: Ports) -> None:
    first = await ports.jobs.create(record(ports))
    second = await ports.jobs.create(msgspec.structs.replace(record(ports), workload="other"))
    assert second == first


async def test_a_job_can_be_activated_twice_and_before_it_has_a_record(
    ports: Ports,
) -> None:
    await ports.jobs.activate("Job-1")
    await ports.jobs.activate("job-1")
    assert [job.job_id async for job in ports.jobs.active_jobs()] == ["job-1"]


async def test_a_record_is_loaded_as_it_was_saved(ports: Ports) -> None:
    created = await ports.jobs.create(record(ports))
    changed = msgspec.structs.replace(created.value.submitting(ports.clock.now()), metadata={"a": "ü"})
    saved = await ports.jobs.save(changed, created.etag)
    assert await ports.jobs.load("JOB-1") == saved
    assert saved.value == changed


async def test_a_record_is_loaded_again_only_if_it_has_changed(ports: Ports) -> None:
    job = await ports.jobs.create(record(ports))
    assert await ports.jobs.load_changed("JOB-1", job.etag) is None
    saved = await ports.jobs.save(large(ports, "a"), job.etag)
    assert await ports.jobs.load_changed("Job-1", job.etag) == saved
    assert await ports.jobs.load_changed("Job-1", saved.etag) is None
    with pytest.raises(JobNotFoundError):
        await ports.jobs.load_changed("nope", job.etag)


async def test_of_two_saves_of_the_same_version_one_fails(ports: Ports) -> None:
    created = await ports.jobs.create(record(ports))
    results = await asyncio.gather(
        ports.jobs.save(created.value.submitting(ports.clock.now()), created.etag),
        ports.jobs.save(created.value.cancellation_requested(ports.clock.now()), created.etag),
        return_exceptions=True,
    )
    assert sorted(isinstance(result, RecordChangedError) for result in results) == [False, True]


async def test_a_deactivated_job_is_not_active_and_can_be_deactivated_again(ports: Ports) -> None:
    await ports.jobs.create(record(ports))
    await ports.jobs.activate("job-1")
    await ports.jobs.deactivate("JOB-1")
    await ports.jobs.deactivate("job-1")
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []
    assert (await ports.jobs.load("job-1")).value.job_id == "Job-1"


async def test_a_finished_record_is_not_made_active_again_by_creating_it(ports: Ports) -> None:
    await ports.jobs.create(record(ports))
    await ports.jobs.deactivate("job-1")
    await ports.jobs.create(record(ports))
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []


async def test_ids_are_listed_in_pages_in_order(ports: Ports) -> None:
    for number in (3, 1, 2):
        await ports.jobs.create(record(ports, f"job-{number}"))
    page, token = await ports.jobs.list_ids(2, "")
    assert list(page) == ["job-1", "job-2"]
    assert await ports.jobs.list_ids(2, token) == (["job-3"], "")


async def test_an_empty_store_lists_nothing(ports: Ports) -> None:
    assert await ports.jobs.list_ids(10, "") == ([], "")


def large(ports: Ports, text: str) -> JobRecord:
    """Return a record whose outbox and outcome take megabytes."""
    some = [event(f"{text}-{number}", padding=1000) for number in range(1000)]
    files = tuple(ResultFile(name=f"{text}-{n}", uri="https://example/" + "x" * 500) for n in range(1000))
    return msgspec.structs.replace(record(ports), results=files).with_outbox(some)


def whole(job: JobRecord) -> JobRecord:
    """Return the record without the name of the blob with its large parts."""
    return msgspec.structs.replace(job, overflow="")


async def test_a_record_of_megabytes_is_loaded_as_it_was_saved_and_becomes_small_again(ports: Ports) -> None:
    job = await ports.jobs.create(record(ports))
    for text in ("a", "b"):
        job = await ports.jobs.save(large(ports, text), job.etag)
        loaded = await ports.jobs.load("job-1")
        assert loaded == job
        assert [found.id for found in loaded.value.outbox] == [f"{text}-{n}" for n in range(1000)]
        assert len(loaded.value.results) == 1000
        small = await ports.jobs.load_small("JOB-1")
        assert small is not None
        assert (small.job_id, small.state) == ("Job-1", JobState.QUEUED)
    small = record(ports).submitting(ports.clock.now())
    job = await ports.jobs.save(small, job.etag)
    assert (await ports.jobs.load("job-1")).value == whole(job.value) == small
    await ports.jobs.deactivate("job-1")
    assert (await ports.jobs.load("job-1")).value == small


async def test_a_record_that_is_gone_is_none_to_a_list(ports: Ports) -> None:
    assert await ports.jobs.load_small("job-1") is None


async def test_of_two_large_saves_of_the_same_version_one_fails_and_the_other_is_whole(ports: Ports) -> None:
    job = await ports.jobs.create(large(ports, "0"))
    both = [large(ports, "a"), large(ports, "b")]
    saves = [
        ports.jobs.save(msgspec.structs.replace(one, overflow=job.value.overflow), job.etag) for one in both
    ]
    results = await asyncio.gather(*saves, return_exceptions=True)
    assert sorted(isinstance(result, RecordChangedError) for result in results) == [False, True]
    loaded = (await ports.jobs.load("job-1")).value
    assert len(loaded.outbox) == 1000
    assert len({found.id.partition("-")[0] for found in loaded.outbox}) == 1


async def test_a_record_that_is_loaded_while_others_save_is_whole(ports: Ports) -> None:
    job = await ports.jobs.create(large(ports, "0"))

    async def save() -> None:
        stored = job
        for number in range(6):
            changed = msgspec.structs.replace(large(ports, str(number)), overflow=stored.value.overflow)
            stored = await ports.jobs.save(changed, stored.etag)

    async def load() -> None:
        for _ in range(6):
            found = (await ports.jobs.load("job-1")).value
            assert len(found.outbox) == 1000
            assert len(found.results) == 1000

    await asyncio.gather(save(), load(), load())


NOTE = ActiveJob(
    job_id="Job-1",
    state=JobState.RUNNING,
    entered_at=NOW,
    moved_at=NOW,
    counts=TaskCounts(active=3, running=2),
    look_at=NOW,
    is_waiting=True,
    unsent_since=NOW,
)


async def the_active_job(ports: Ports) -> ActiveJob:
    [found] = [job async for job in ports.jobs.active_jobs()]
    return found


async def test_what_was_noted_of_an_active_job_is_listed_until_it_is_activated_again(
    ports: Ports,
) -> None:
    await ports.jobs.activate("job-1")
    first = await the_active_job(ports)
    assert (first.job_id, first.state) == ("job-1", None)
    await ports.jobs.note_active(msgspec.structs.replace(NOTE, etag=first.etag))
    noted = await the_active_job(ports)
    assert msgspec.structs.replace(noted, etag="") == NOTE
    await ports.jobs.note_active(msgspec.structs.replace(NOTE, is_waiting=False, etag=first.etag))
    assert await the_active_job(ports) == noted
    await ports.jobs.activate("Job-1")
    assert (await the_active_job(ports)).state is None
    await ports.jobs.note_active(noted)
    assert (await the_active_job(ports)).state is None


async def test_a_note_makes_no_job_active(ports: Ports) -> None:
    await ports.jobs.activate("job-1")
    first = await the_active_job(ports)
    await ports.jobs.deactivate("job-1")
    await ports.jobs.note_active(msgspec.structs.replace(NOTE, etag=first.etag))
    assert [job async for job in ports.jobs.active_jobs()] == []


async def test_an_entry_says_until_when_somebody_follows_the_job(ports: Ports) -> None:
    await ports.jobs.activate("job-1", followed_until=NOW)
    first = await the_active_job(ports)
    assert (first.job_id, first.state, first.followed_until) == ("job-1", None, NOW)
    await ports.jobs.note_active(msgspec.structs.replace(NOTE, followed_until=NOW, etag=first.etag))
    assert (await the_active_job(ports)).followed_until == NOW
    await ports.jobs.activate("job-1")
    assert (await the_active_job(ports)).followed_until is None
