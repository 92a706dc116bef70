"""Job schedules: when they create jobs, and the operations on them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.bodies.job_schedule_bodies import accept_schedule
from fakebatch.engine import Engine
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.process_executor import ProcessExecutor
from fakebatch.job_scheduler import JobScheduler
from fakebatch.model import job_schedule_entity as schedules
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.store import Store
from fakebatch.wire import timestamps
from tests.fakebatch.driving import add_task, job_in_state, task_in_state, text_of, until
from tests.fakebatch.raw_http import request

_MINUTE = 60 * timestamps.PER_SECOND
_START = timestamps.from_iso("2026-03-01T12:00:00Z")


def _spec(**timing: str) -> dict[str, Any]:
    body = {"id": "nightly", "schedule": timing, "jobSpecification": {"poolInfo": {"poolId": "hpc"}}}
    return accept_schedule(body)


def _body(**timing: str) -> dict[str, Any]:
    return {"id": "nightly", "schedule": timing, "jobSpecification": {"poolInfo": {"poolId": "hpc"}}}


# When jobs are due


def _at(minutes: float) -> int:
    return _START + int(minutes * _MINUTE)


def test_a_schedule_without_a_timing_is_due_at_once_and_only_once() -> None:
    schedule = schedules.advanced(schedules.created(_spec(), _START), _START)
    assert schedules.is_due(schedule)
    used = schedules.job_created(schedule)
    assert not schedules.is_due(schedules.advanced(used, _at(1e6)))
    assert schedules.completed_if_over(used, _at(1)).state == "completed"


def test_a_recurring_schedule_is_due_again_after_each_interval() -> None:
    schedule = schedules.created(_spec(recurrenceInterval="PT10M"), _START)
    for minutes in (0, 10, 20):
        schedule = schedules.advanced(schedule, _at(minutes))
        assert schedules.is_due(schedule)
        schedule = schedules.advanced(schedules.job_created(schedule), _at(minutes + 9))
        assert not schedules.is_due(schedule)
        assert schedule.next_at == _at(minutes + 10)


def test_an_opportunity_is_lost_when_its_window_closes() -> None:
    schedule = schedules.created(_spec(recurrenceInterval="PT10M", startWindow="PT2M"), _START)
    assert schedules.is_due(schedules.advanced(schedule, _at(1)))
    late = schedules.advanced(schedule, _at(3))
    assert not schedules.is_due(late)
    assert late.next_at == _at(10)


def test_an_opportunity_is_not_carried_forward_into_the_next_interval() -> None:
    schedule = schedules.created(_spec(recurrenceInterval="PT10M", startWindow="PT1H"), _START)
    late = schedules.advanced(schedule, _at(35))
    assert (late.last_at, late.next_at, late.open_until) == (_at(30), _at(40), _at(40))


def test_nothing_is_due_before_and_after_the_bounds() -> None:
    spec = _spec(
        recurrenceInterval="PT10M", doNotRunUntil="2026-03-01T12:05:00Z", doNotRunAfter="2026-03-01T12:20:00Z"
    )
    schedule = schedules.advanced(schedules.created(spec, _START), _at(4))
    assert (schedules.is_due(schedule), schedule.next_at) == (False, _at(5))
    first = schedules.job_created(schedules.advanced(schedule, _at(5)))
    second = schedules.job_created(schedules.advanced(first, _at(15)))
    assert second.next_at is None
    assert not schedules.is_due(schedules.advanced(second, _at(25)))
    assert schedules.completed_if_over(second, _at(16)).state == "completed"


def test_a_disabled_schedule_lets_its_opportunities_pass() -> None:
    schedule = schedules.created(_spec(recurrenceInterval="PT10M", startWindow="PT2M"), _START)
    disabled = schedules.advanced(schedules.disabled(schedule, _START), _at(1))
    assert not schedules.is_due(disabled)
    assert schedules.is_due(schedules.enabled(disabled, _at(1)))
    assert not schedules.is_due(schedules.advanced(schedules.enabled(disabled, _at(3)), _at(3)))


def test_a_new_interval_counts_from_the_last_occurrence() -> None:
    schedule = schedules.advanced(schedules.created(_spec(recurrenceInterval="PT10M"), _START), _at(12))
    changed = schedules.with_properties(schedule, {"schedule": {"recurrenceInterval": "PT30M"}}, _at(13))
    assert changed.next_at == _at(40)


@given(
    interval=st.integers(1, 50),
    window=st.integers(1, 80),
    steps=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40),
)
def test_at_most_one_job_is_created_for_each_occurrence(
    interval: int, window: int, steps: list[tuple[int, bool]]
) -> None:
    spec = _spec(recurrenceInterval=f"PT{interval}M", startWindow=f"PT{window}M")
    schedule, now, occurrences = schedules.created(spec, _START), _START, []
    for minutes, free in steps:
        now += minutes * _MINUTE
        schedule = schedules.advanced(schedule, now)
        if free and schedules.is_due(schedule):
            schedule = schedules.job_created(schedule)
            occurrences.append(schedule.last_at)
            assert schedule.last_at is not None
            assert now < schedule.last_at + min(window, interval) * _MINUTE
        assert schedule.next_at is not None
        assert now < schedule.next_at <= now + interval * _MINUTE
        moment = schedules.next_moment(schedule, now)
        assert moment is not None
        assert moment > now
    assert len(set(occurrences)) == len(occurrences)
    assert schedule.jobs_created == len(occurrences)


# The running schedules


class _Clock:
    def __init__(self) -> None:
        self.minutes = 0.0

    def __call__(self) -> int:
        return _at(self.minutes)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[JobScheduler, Engine, _Clock]]:
    engine = Engine(Store(), ProcessExecutor(Layout(tmp_path), "http://none"))
    clock = _Clock()
    jobs = JobScheduler(engine, clock)
    yield jobs, engine, clock
    jobs.stop()
    await engine.stop()


def _end(engine: Engine, job_id: str) -> Callable[[], Any]:
    engine.end_job(engine.store.jobs[job_id], "UserTerminate", by_user=True)

    async def ended() -> bool:
        return engine.store.jobs[job_id].job.state == "completed"

    return ended


def _schedule(engine: Engine) -> JobScheduleEntity:
    return engine.store.schedules["nightly"]


async def test_jobs_follow_each_other_as_the_clock_goes(
    running: tuple[JobScheduler, Engine, _Clock],
) -> None:
    jobs, engine, clock = running
    jobs.add(_spec(recurrenceInterval="PT10M", startWindow="PT5M"))
    assert engine.store.jobs.ids == ["nightly:job-1"]
    await until(_end(engine, "nightly:job-1"))
    clock.minutes = 10
    jobs.advance_due()
    assert engine.store.jobs.ids == ["nightly:job-1", "nightly:job-2"]


async def test_a_job_that_still_runs_delays_the_next_within_the_window(
    running: tuple[JobScheduler, Engine, _Clock],
) -> None:
    jobs, engine, clock = running
    jobs.add(_spec(recurrenceInterval="PT10M", startWindow="PT5M"))
    clock.minutes = 12
    jobs.advance_due()
    assert _schedule(engine).jobs_created == 1
    await until(_end(engine, "nightly:job-1"))

    async def created() -> bool:
        return _schedule(engine).jobs_created == 2

    await until(created)
    clock.minutes = 26
    jobs.advance_due()
    await until(_end(engine, "nightly:job-2"))
    assert _schedule(engine).jobs_created == 2
    assert _schedule(engine).next_at == _at(30)


# On the wire


async def _add(batch: BatchClient, **timing: Any) -> None:
    options = models.BatchJobScheduleCreateOptions(
        id="nightly",
        schedule=models.BatchJobScheduleConfiguration(**timing),
        job_specification=models.BatchJobSpecification(
            pool_info=models.BatchPoolInfo(pool_id="hpc"), priority=7
        ),
    )
    await batch.create_job_schedule(options)


async def _schedule_in_state(batch: BatchClient, state: str) -> models.BatchJobSchedule:
    async def reached() -> bool:
        return (await batch.get_job_schedule("nightly")).state == state

    await until(reached)
    return await batch.get_job_schedule("nightly")


async def test_the_tasks_of_a_scheduled_job_run(batch: BatchClient) -> None:
    await _add(batch, recurrence_interval=timedelta(hours=1))
    schedule = await batch.get_job_schedule("nightly")
    assert schedule.execution_info.recent_job is not None
    job_id = schedule.execution_info.recent_job.id
    assert job_id == "nightly:job-1"
    assert schedule.execution_info.next_run_time == schedule.creation_time + timedelta(hours=1)
    await add_task(batch, "t", "/bin/sh -c 'echo $AZ_BATCH_JOB_ID'", job_id=job_id)
    task = await task_in_state(batch, "t", job_id=job_id)
    assert task.node_info is not None
    assert task.node_info.task_root_directory == "workitems/nightly/job-1/t"
    assert await text_of(batch, "t", job_id=job_id) == "nightly:job-1\n"
    [job] = [job async for job in batch.list_jobs_from_schedule("nightly")]
    assert (job.id, job.priority) == (job_id, 7)


async def test_a_schedule_that_does_not_recur_completes_with_its_job(batch: BatchClient) -> None:
    await _add(batch)
    await job_in_state(batch, "active", "nightly:job-1")
    options: Any = {"terminateReason": "done"}
    await batch.begin_terminate_job("nightly:job-1", options, polling_interval=0)
    schedule = await _schedule_in_state(batch, "completed")
    assert schedule.execution_info.end_time is not None
    assert schedule.execution_info.next_run_time is None
    with pytest.raises(HttpResponseError, match="JobScheduleCompleted"):
        await batch.enable_job_schedule("nightly")


async def test_a_schedule_waits_for_its_time(batch: BatchClient) -> None:
    start = datetime.now(UTC) + timedelta(seconds=1)
    await _add(batch, do_not_run_until=start)
    schedule = await batch.get_job_schedule("nightly")
    assert schedule.execution_info.recent_job is None
    job = await _first_job(batch)
    assert job.creation_time >= start


async def _first_job(batch: BatchClient) -> models.BatchJob:
    async def created() -> bool:
        return [job.id async for job in batch.list_jobs_from_schedule("nightly")] == ["nightly:job-1"]

    await until(created)
    return await batch.get_job("nightly:job-1")


async def test_terminating_a_schedule_ends_its_job(batch: BatchClient) -> None:
    await _add(batch, recurrence_interval=timedelta(hours=1))
    await (await batch.begin_terminate_job_schedule("nightly", polling_interval=0)).result()
    schedule = await batch.get_job_schedule("nightly")
    assert (schedule.state, schedule.previous_state) == ("completed", "active")
    job = await batch.get_job("nightly:job-1")
    assert job.state == "completed"
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "TerminateJobSchedule"


async def test_deleting_a_schedule_deletes_its_jobs(batch: BatchClient) -> None:
    await _add(batch, recurrence_interval=timedelta(hours=1))
    assert await batch.job_schedule_exists("nightly")
    await (await batch.begin_delete_job_schedule("nightly", polling_interval=0)).result()
    with pytest.raises(ResourceNotFoundError):
        await batch.get_job("nightly:job-1")
    assert [schedule.id async for schedule in batch.list_job_schedules()] == []


async def test_a_schedule_is_changed_disabled_and_enabled(batch: BatchClient) -> None:
    await _add(batch, recurrence_interval=timedelta(hours=1), start_window=timedelta(minutes=5))
    timing = models.BatchJobScheduleConfiguration(recurrence_interval=timedelta(hours=5))
    await batch.update_job_schedule("nightly", models.BatchJobScheduleUpdateOptions(schedule=timing))
    schedule = await batch.get_job_schedule("nightly")
    assert schedule.schedule is not None
    assert schedule.schedule.recurrence_interval == timedelta(hours=5)
    assert schedule.schedule.start_window is None
    assert schedule.execution_info.next_run_time == schedule.creation_time + timedelta(hours=5)
    await batch.disable_job_schedule("nightly")
    assert (await batch.get_job_schedule("nightly")).state == "disabled"
    await batch.enable_job_schedule("nightly")
    schedule = await batch.get_job_schedule("nightly")
    assert (schedule.state, schedule.previous_state) == ("active", "disabled")
    schedule.job_specification.priority = 3
    await batch.replace_job_schedule("nightly", schedule)
    assert (await batch.get_job_schedule("nightly")).job_specification.priority == 3


async def test_jobs_and_schedules_share_their_ids_and_their_quota(batch: BatchClient) -> None:
    await _add(batch, recurrence_interval=timedelta(hours=1))
    info = models.BatchPoolInfo(pool_id="hpc")
    with pytest.raises(ResourceExistsError, match="JobScheduleWithSameIdExists"):
        await batch.create_job(models.BatchJobCreateOptions(id="nightly", pool_info=info))
    with pytest.raises(ResourceExistsError, match="JobScheduleExists"):
        await _add(batch)
    for number in range(8):
        await batch.create_job(models.BatchJobCreateOptions(id=f"j{number}", pool_info=info))
    with pytest.raises(ResourceExistsError, match="ActiveJobAndScheduleQuotaReached"):
        await batch.create_job(models.BatchJobCreateOptions(id="one-more", pool_info=info))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_body(recurrenceInterval="PT59S"), "InvalidPropertyValue"),
        (_body(startWindow="PT1S"), "InvalidPropertyValue"),
        (_body(doNotRunUntil="tomorrow"), "InvalidPropertyValue"),
        ({"id": "s", "schedule": {}}, "MissingRequiredProperty"),
        ({**_body(), "jobSpecification": {"id": "job", "poolInfo": {"poolId": "p"}}}, "InvalidRequestBody"),
    ],
)
async def test_a_schedule_the_service_cannot_accept_is_refused(endpoint: str, body: Any, code: str) -> None:
    reply = await request(endpoint, "POST", "/jobschedules", body)
    assert (reply.status, reply.code) == (400, code)


async def test_a_specification_of_which_no_job_can_be_made_is_refused(endpoint: str) -> None:
    body = _body()
    body["jobSpecification"]["jobReleaseTask"] = {"commandLine": "true"}
    reply = await request(endpoint, "POST", "/jobschedules", body)
    assert (reply.status, reply.code) == (400, "InvalidPropertyValue")
    await request(endpoint, "POST", "/jobschedules", _body())
    reply = await request(
        endpoint, "PATCH", "/jobschedules/nightly", {"jobSpecification": body["jobSpecification"]}
    )
    assert (reply.status, reply.values["PropertyName"]) == (400, "jobReleaseTask")
