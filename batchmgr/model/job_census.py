"""The active jobs at one poll, counted."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import (
    ACTIVE_JOBS,
    JOB_STATE,
    OLDEST_JOB,
    TASK_STATE,
    TASKS,
    UNSENT_AGE,
    WAITING_JOBS,
    Metric,
)

Measurement = tuple[Metric, float, dict[str, str | int]]

TASK_STATES = ("active", "running", "succeeded", "failed")


class JobCensus:
    """What is known of each job that a poll has seen. Its measurements go to telemetry."""

    def __init__(self) -> None:
        self._jobs: dict[str, ActiveJob] = {}

    def see(self, job: ActiveJob) -> None:
        """Count a job, once, however often it is seen."""
        self._jobs[job.job_id] = job

    def measurements(self, now: datetime) -> Iterator[Measurement]:
        """Yield the value of each gauge, also where it is 0, so that no old value stays."""
        jobs = [job for job in self._jobs.values() if job.state is not None]
        numbers = Counter(job.state for job in jobs)
        ages: dict[JobState | None, float] = {}
        for job in jobs:
            age = (now - job.entered_at).total_seconds() if job.entered_at else 0.0
            ages[job.state] = max(age, ages.get(job.state, 0.0))
        for state in JobState:
            yield ACTIVE_JOBS, numbers[state], {JOB_STATE: state.value}
            yield OLDEST_JOB, ages.get(state, 0.0), {JOB_STATE: state.value}
        yield WAITING_JOBS, sum(job.is_waiting for job in jobs), {}
        running = [job.counts for job in jobs if job.state is not None and not job.state.is_final]
        for name in TASK_STATES:
            yield TASKS, sum(getattr(counts, name) for counts in running), {TASK_STATE: name}
        behind = [(now - job.unsent_since).total_seconds() for job in jobs if job.unsent_since]
        yield UNSENT_AGE, max(behind, default=0.0), {}
