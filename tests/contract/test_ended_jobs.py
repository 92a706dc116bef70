"""The contract of the EndedJobs port, and of the deletions of the others."""

import dataclasses
from datetime import datetime, timedelta
from io import BytesIO

import pytest
from msgspec.structs import replace

from batchmgr.errors import JobNotFoundError, RecordChangedError, ServiceNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import EndedJob, RetentionPlace
from batchmgr.ports import Clock, Ports
from batchmgr.steps.plan_job import grant_access, plan_job
from batchmgr.usecases.sweep import find_leftovers, sweep
from tests.contract.port_sets import PortSet
from tests.contract.test_event_log import event
from tests.contract.test_job_store import large, loaded_plan, record
from tests.event_log import append
from tests.world import job_message


def final(ports: Ports, job_id: str = "Job-1") -> JobRecord:
    now = ports.clock.now()
    return replace(
        record(ports, job_id),
        state=JobState.SUCCEEDED,
        entered={JobState.SUCCEEDED: now},
        retention_time=timedelta(days=2),
        in_batch=True,
    )


async def pages(ports: Ports) -> list[EndedJob]:
    found, token = await ports.ended.page("")
    return [*found, *((await ports.ended.page(token))[0] if token else ())]


async def test_an_ended_job_is_listed_with_what_its_retention_depends_on(ports: Ports) -> None:
    job = await ports.jobs.create(record(ports))
    ended = final(ports)
    await ports.jobs.save(ended, job.etag)
    [listed] = await pages(ports)
    assert listed == replace(EndedJob.of(ended), job_id="job-1")
    assert (listed.ended_at, listed.retention_time) == (ended.entered[ended.state], timedelta(days=2))
    assert listed.has_batch_job
    assert not listed.is_purging


async def test_a_job_that_is_created_at_its_end_is_listed_too(ports: Ports) -> None:
    await ports.jobs.create(final(ports))
    assert [job.job_id for job in await pages(ports)] == ["job-1"]


async def test_ended_jobs_are_listed_in_order_of_their_ids(ports: Ports) -> None:
    for name in ("b", "C", "a"):
        await ports.jobs.create(final(ports, name))
    assert [job.job_id for job in await pages(ports)] == ["a", "b", "c"]


async def test_the_place_of_a_round_is_kept(ports: Ports) -> None:
    assert await ports.ended.place() == RetentionPlace()
    for place in (RetentionPlace(token="t", after="job-1"), RetentionPlace()):
        await ports.ended.save_place(place)
        assert await ports.ended.place() == place
    assert await pages(ports) == []


async def test_only_the_request_that_was_meant_is_deleted(ports: Ports) -> None:
    assert await ports.ended.request_etag("Job-1") == ""
    await ports.jobs.save_request("Job-1", job_message())
    old = await ports.ended.request_etag("job-1")
    await ports.ended.delete_request("JOB-1", "")
    assert await ports.ended.request_etag("job-1") == old
    await ports.ended.delete_request("job-1", old)
    await ports.ended.delete_request("job-1", old)
    with pytest.raises(JobNotFoundError):
        await ports.jobs.load_request("job-1")
    await ports.jobs.save_request("job-1", job_message(job_id="new"))
    await ports.ended.delete_request("job-1", old)
    assert (await ports.jobs.load_request("job-1")).job_id == "job-1"


async def test_a_record_is_deleted_only_as_it_was_seen(ports: Ports) -> None:
    job = await ports.jobs.create(final(ports))
    changed = await ports.jobs.save(replace(final(ports), workload="other"), job.etag)
    with pytest.raises(RecordChangedError):
        await ports.ended.delete_record("job-1", job.etag)
    await ports.ended.delete_record("JOB-1", changed.etag)
    await ports.ended.delete_record("job-1", changed.etag)
    with pytest.raises(JobNotFoundError):
        await ports.jobs.load("job-1")
    with pytest.raises(RecordChangedError):
        await ports.jobs.save(final(ports), changed.etag)


async def test_all_parts_of_a_job_are_deleted_and_those_of_others_stay(ports: Ports) -> None:
    for name in ("job-1", "job-10"):
        await ports.jobs.save_tasks(name, b"tasks")
        await ports.jobs.save_plan(name, BytesIO(b"plan"))
    await ports.ended.delete_parts("JOB-1")
    await ports.ended.delete_parts("job-1")
    assert await ports.jobs.load_tasks("job-1") is None
    assert await loaded_plan(ports, "job-1") is None
    assert await ports.jobs.load_tasks("job-10") == b"tasks"
    assert await loaded_plan(ports, "job-10") == b"plan"


async def all_parts(ports: Ports, before: datetime) -> list[str]:
    found, token = set[str](), ""
    while True:
        keys, token = await ports.ended.parts(before, token)
        assert list(keys) == sorted(set(keys))
        found.update(keys)
        if not token:
            return sorted(found)


async def test_jobs_are_found_by_what_is_stored_besides_their_records(ports: Ports) -> None:
    await ports.jobs.save_request("A-request", job_message())
    await ports.jobs.save_tasks("tasks_1", b"tasks")
    await ports.jobs.save_plan("plan", BytesIO(b"plan"))
    await ports.jobs.save_receiver("Receiver", "key", "https://example.com")
    await ports.jobs.create(record(ports, "no-parts"))
    await ports.jobs.activate("active")
    now = ports.clock.now()
    assert await all_parts(ports, now - timedelta(hours=1)) == []
    later = now + timedelta(hours=1)
    assert await all_parts(ports, later) == ["a-request", "plan", "receiver", "tasks_1"]
    await ports.ended.delete_parts("Plan")
    assert await all_parts(ports, later) == ["a-request", "receiver", "tasks_1"]


class AMonthLater:
    """The clock of a set of ports, a month ahead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.randomness, self.sleep = clock.randomness, clock.sleep

    def now(self) -> datetime:
        return self._clock.now() + timedelta(days=31)


async def test_what_is_stored_of_a_job_without_a_record_is_swept_after_a_month(ports: Ports) -> None:
    await ports.jobs.save_request("Left", job_message())
    await ports.jobs.save_plan("Left", BytesIO(b"plan"))
    await ports.jobs.save_request("known", job_message())
    await ports.jobs.create(record(ports, "known"))
    assert await sweep(ports) == 0
    later = dataclasses.replace(ports, clock=AMonthLater(ports.clock))
    assert [key async for key in find_leftovers(later)] == ["left"]
    assert await sweep(later) == 1
    assert await all_parts(ports, later.clock.now()) == ["known"]
    assert await sweep(later) == 0


async def test_what_is_too_large_for_the_record_is_a_part(ports: Ports) -> None:
    job = await ports.jobs.create(large(ports, "0"))
    await ports.ended.delete_parts("job-1")
    await ports.ended.delete_record("job-1", job.etag)
    again = await ports.jobs.create(record(ports))
    assert (await ports.jobs.load("job-1")).value == again.value
    assert again.value.results == ()


async def test_a_log_is_deleted_with_all_its_parts_and_begins_anew(port_set: PortSet) -> None:
    log = port_set.log_of_small_parts()
    end = 0
    for number in range(7):
        _, end = await append(log, "Job", [event(str(number))], end)
    await append(log, "job-2", [event("other")], 0)
    await log.delete("job")
    await log.delete("job")
    assert list(await log.read("job", 0, 10)) == []
    assert len(await log.read("job-2", 0, 10)) == 1
    _, end = await append(log, "job", [event("3")], 0)
    assert [(one.id, int(one.sequence)) for one in await log.read("job", 0, 10)] == [("3", 1)]
    assert set(await log.ids("job", 0, end)) == {"3"}


async def test_a_finalize_blob_is_deleted(port_set: PortSet) -> None:
    finalize = port_set.ports.finalize
    await finalize.write("Job-1", "{}")
    assert not await finalize.older(port_set.ports.clock.now() - timedelta(hours=1), 10)
    await finalize.delete("Job-1")
    await finalize.delete("Job-1")
    assert await port_set.finalize_blob("Job-1") is None


async def test_the_files_of_a_job_are_deleted(ports: Ports) -> None:
    for name in ("Job-1", "job-2"):
        await ports.files.write(name, "a/b.json", b"{}")
    await ports.files.delete("job-1")
    await ports.files.delete("job-1")
    assert await ports.files.read("Job-1", "a/b.json", 10) is None
    assert await ports.files.read("job-2", "a/b.json", 10) == b"{}"


async def test_a_batch_job_is_deleted(ports: Ports) -> None:
    plan = plan_job("Job-1", job_message(), workloads=ports.workloads, default_pool_id="local")
    await ports.batch.create_job(plan, await grant_access(ports, plan), "digest")
    await ports.batch.delete_job("Job-1")
    await ports.batch.delete_job("Job-1")
    await ports.batch.delete_job("nobody")
    for _ in range(100):
        try:
            await ports.batch.get_job("Job-1")
        except ServiceNotFoundError:
            return
        await ports.clock.sleep(timedelta(milliseconds=50))
    pytest.fail("the job is still there")


async def test_an_upload_is_deleted(port_set: PortSet) -> None:
    uploads, now = port_set.ports.uploads, port_set.ports.clock.now()
    await port_set.put(await uploads.grant("one", timedelta(hours=1)), b"body")
    assert not await uploads.older(now - timedelta(hours=1), 10)
    await uploads.delete("one")
    await uploads.delete("one")
    assert await uploads.read("one", 100) is None
