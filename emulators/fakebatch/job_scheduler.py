"""The job scheduler: it creates the jobs of job schedules when they are due, and waits for them to end."""

from collections.abc import Callable, Mapping
from typing import Any

from fakebatch.engine import Engine
from fakebatch.model import job_schedule_entity as schedules
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.stored_job import StoredJob
from fakebatch.wire import service_clock, timestamps

# The clock may be changed while a timer runs, so no timer runs longer than this.
_LONGEST_WAIT = 3600.0


class JobScheduler:
    """Runs the job schedules of the store. `clock` returns the time in ticks."""

    def __init__(self, engine: Engine, clock: Callable[[], int] = service_clock.now) -> None:
        self._engine = engine
        self._store = engine.store
        self._clock = clock
        self._timer: service_clock.Timer | None = None
        self._timer_at: int | None = None
        engine.add_pass_listener(self.advance_due)

    def stop(self) -> None:
        """Stop the timer: no more jobs are created."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, spec: Mapping[str, Any]) -> JobScheduleEntity:
        """Add a job schedule. No other one has its id. If its first job is due, it is created at once."""
        self.put(schedules.created(spec, self._clock()))
        self.advance_due()
        return self._store.schedules[spec["id"]]

    def put(self, schedule: JobScheduleEntity) -> None:
        """Store the new value of a job schedule, and wake the engine to act on it."""
        self._store.schedules.put(schedule.id, schedule)
        self._engine.wake()

    def terminate(self, schedule: JobScheduleEntity) -> JobScheduleEntity:
        """Terminate a job schedule and its active job."""
        ended = schedules.terminated(schedule, self._clock())
        for record in self._store.jobs_of(schedule):
            if not record.job.is_over:
                self._engine.end_job(record, "TerminateJobSchedule")
        self.put(ended)
        return ended

    def delete(self, schedule: JobScheduleEntity) -> None:
        """Delete a job schedule with all of its jobs."""
        self.put(schedules.deleted(schedule, self._clock()))
        for record in self._store.jobs_of(schedule):
            if record.job.state != "deleting":
                self._engine.delete_job(record)

    def advance_due(self) -> None:
        """Do for each schedule what is due."""
        if not len(self._store.schedules) and self._timer is None:
            return
        for schedule in self._store.schedules:
            self._advance(schedule)
        self._set_timer()

    def _advance(self, before: JobScheduleEntity) -> None:
        now = self._clock()
        schedule = schedules.advanced(before, now)
        jobs = self._store.jobs_of(schedule)
        if schedule.state == "deleting":
            if not jobs:
                self._store.schedules.remove(schedule.id)
            return
        if all(record.job.state == "completed" for record in jobs):
            if schedules.is_due(schedule):
                schedule = schedules.job_created(schedule)
                self._create_job(schedule)
            else:
                schedule = schedules.completed_if_over(schedule, now)
        if schedule is not before:
            self._store.schedules.put(schedule.id, schedule)

    def _create_job(self, schedule: JobScheduleEntity) -> StoredJob:
        return self._engine.add_job({"id": schedule.recent_job_id} | schedule.spec["jobSpecification"])

    def _set_timer(self) -> None:
        now = self._clock()
        moments = {
            at: schedule.spec["schedule"]
            for schedule in self._store.schedules
            if (at := schedules.next_moment(schedule, now)) is not None
        }
        if self._timer is not None and self._timer_at == min(moments, default=None):
            return
        self.stop()
        if moments:
            self._timer_at = min(moments)
            wait = min((self._timer_at - now) / timestamps.PER_SECOND, _LONGEST_WAIT)
            # On a clock that can jump, a schedule without an end would never let it rest.
            has_end = any("doNotRunAfter" in timing for timing in moments.values())
            self._timer = service_clock.call_later(wait, self._on_timer, awaited=has_end)

    def _on_timer(self) -> None:
        self._timer = None
        self.advance_due()
