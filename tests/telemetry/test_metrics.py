"""Metrics and logs of jobs: on fakes for the services, and the real SDK of OpenTelemetry."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.adapters.open_telemetry import GAUGE_SECONDS, name_jobs_in_logs
from batchmgr.model import telemetry_names as names
from batchmgr.model.telemetry_names import Metric
from batchmgr.steps.outbox import load
from batchmgr.usecases.accept import accept
from batchmgr.usecases.poll import poll
from batchmgr.wire.events import job_event
from tests.telemetry.spans import MemoryTelemetry
from tests.world import World, job_message, task


@pytest.fixture
def telemetry() -> MemoryTelemetry:
    return MemoryTelemetry()


@pytest.fixture
def named_jobs() -> Iterator[None]:
    """Log records name jobs, as in an app that exports."""
    before = logging.getLogRecordFactory()
    name_jobs_in_logs()
    name_jobs_in_logs()  # once is enough
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
def world(telemetry: MemoryTelemetry) -> World:
    made = World()
    made.ports = replace(made.ports, telemetry=telemetry.port)
    return made


Points = dict[str, Any]


def by(points: list[Any], attribute: str) -> Points:
    return {str(point.attributes[attribute]): point for point in points}


@pytest.mark.usefixtures("named_jobs")
async def test_each_state_of_a_job_is_counted_and_measured_and_is_one_line_in_the_log(
    world: World, telemetry: MemoryTelemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "batchmgr")
    world.enqueue(job_message())
    await world.run_until_idle()
    points = telemetry.all_points()
    states = ["queued", "submitting", "running", "finalizing", "succeeded"]
    entered = by(points[names.JOBS_ENTERED.name], names.JOB_STATE)
    assert {state: point.value for state, point in entered.items()} == dict.fromkeys(states, 1)
    durations = by(points[names.STATE_DURATION.name], names.JOB_STATE)
    assert {state: point.count for state, point in durations.items()} == dict.fromkeys(states[:-1], 1)
    lines = [r for r in caplog.records if r.name.endswith("tell_telemetry")]
    assert [line.getMessage() for line in lines] == [f"job job-1 is {state}" for state in states]
    assert {line.__dict__[names.JOB_ID] for line in lines} == {"job-1"}
    assert [line.__dict__[names.JOB_STATE] for line in lines] == states


async def test_the_time_in_a_state_is_that_between_the_changes_of_the_record(
    world: World, telemetry: MemoryTelemetry
) -> None:
    world.enqueue(job_message())
    await world.run_until_idle()
    job = (await world.jobs.load("job-1")).value
    running = by(telemetry.points(names.STATE_DURATION), names.JOB_STATE)["running"]
    states = list(job.entered)
    assert [state.value for state in states] == ["queued", "submitting", "running", "finalizing", "succeeded"]
    assert running.sum == (job.entered[states[3]] - job.entered[states[2]]).total_seconds()


async def test_a_poll_tells_the_line_for_admission_and_the_age_of_its_head(
    world: World, telemetry: MemoryTelemetry
) -> None:
    await accept(world.ports, "first", job_message(job_id="first"))
    world.clock.advance(timedelta(seconds=10))
    await accept(world.ports, "second", job_message(job_id="second"))
    world.clock.advance(timedelta(seconds=5))
    await poll(world.ports)
    points = telemetry.all_points()
    active = by(points[names.ACTIVE_JOBS.name], names.JOB_STATE)
    assert (active["queued"].value, active["running"].value) == (2, 0)
    assert by(points[names.OLDEST_JOB.name], names.JOB_STATE)["queued"].value == pytest.approx(15, abs=1)
    assert points[names.POLL_DURATION.name][0].count == 1


async def test_a_poll_tells_the_tasks_by_state_and_nothing_of_jobs_that_are_over(
    world: World, telemetry: MemoryTelemetry
) -> None:
    world.enqueue(job_message(task("1"), task("2", "/bin/false"), task("3", "/bin/false")))
    await world.run_until_idle()
    events = by(telemetry.points(names.TASK_EVENTS), names.TASK_STATE)
    assert events["failed"].value == 2
    await poll(world.ports)
    points = telemetry.all_points()
    assert {p.value for p in points[names.TASKS.name]} == {0}
    assert {p.value for p in points[names.ACTIVE_JOBS.name]} == {0}


async def test_callbacks_are_measured_by_how_each_attempt_ends(
    world: World, telemetry: MemoryTelemetry
) -> None:
    world.callbacks.failures = 1
    world.enqueue(job_message())
    await world.run_until_idle()
    attempts = by(telemetry.points(names.CALLBACK_AGE), names.CALLBACK_OUTCOME)
    assert {outcome: point.count for outcome, point in attempts.items()} == {"retried": 1, "delivered": 1}
    assert attempts["delivered"].sum >= 5 > attempts["retried"].sum


async def test_events_that_were_published_late_show_in_the_age_of_the_outbox(
    world: World, telemetry: MemoryTelemetry
) -> None:
    record = await accept(world.ports, "late", job_message(job_id="late"))
    telemetry.all_points()
    job = await world.jobs.load("late")
    submitting = record.submitting(world.clock.now())
    await world.jobs.save(submitting.with_outbox([job_event(submitting)]), job.etag)  # and dies
    world.clock.advance(timedelta(seconds=40))
    await load(world.ports, "late")
    ages = [point.max for point in telemetry.points(names.OUTBOX_AGE)]
    assert ages == [pytest.approx(40, abs=1)]


@pytest.mark.usefixtures("named_jobs")
async def test_what_is_logged_about_a_job_names_it_and_nothing_else_does(
    telemetry: MemoryTelemetry, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("any.library")
    with telemetry.port.about("job-7"):
        log.warning("in it")
        with telemetry.port.span(names.SUBMIT, job_id="job-8"):
            log.warning("deeper")
    log.warning("after it")
    assert [record.__dict__.get(names.JOB_ID) for record in caplog.records] == ["job-7", "job-8", None]


def metrics_of(value: object) -> set[Metric]:
    return {value} if isinstance(value, Metric) else set()


def test_every_metric_is_listed_once() -> None:
    defined = {value for one in vars(names).values() for value in metrics_of(one)}
    assert defined == set(names.METRICS)
    assert len({metric.name for metric in names.METRICS}) == len(names.METRICS)


async def test_a_process_that_no_longer_polls_does_not_go_on_telling_what_it_saw_last(
    world: World, telemetry: MemoryTelemetry
) -> None:
    await accept(world.ports, "job-1", job_message())
    await poll(world.ports)
    assert telemetry.points(names.WAITING_JOBS)
    assert telemetry.points(names.WAITING_JOBS)  # each exporter asks for itself
    telemetry.seconds += GAUGE_SECONDS + 1
    assert telemetry.points(names.WAITING_JOBS) == []
    await poll(world.ports)
    assert telemetry.points(names.WAITING_JOBS)


async def test_a_telemetry_that_fails_does_not_fail_the_job(world: World) -> None:
    class Broken:
        def on_start(self, *args: object, **options: object) -> None:
            raise RuntimeError("exporter")

        def on_end(self, *args: object) -> None:
            raise RuntimeError("exporter")

        def shutdown(self) -> None: ...

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    telemetry = MemoryTelemetry()
    telemetry.tracers.add_span_processor(Broken())  # type: ignore[arg-type]
    world.ports = replace(world.ports, telemetry=telemetry.port)
    world.enqueue(job_message())
    await world.run_until_idle()
    assert (await world.jobs.load("job-1")).value.state.value == "succeeded"
