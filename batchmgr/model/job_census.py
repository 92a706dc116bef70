"""The active jobs at one poll, counted."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from batchmgr.model.job_record import JobRecord
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
    """The newest record of each job that a poll has seen. Its measurements go to telemetry."""

    def __init__(self) -> None:
        self._records: dict[str, JobRecord] = {}

    def see(self, record: JobRecord) -> None:
        """Count a job, once, however often it is seen."""
        self._records[record.job_id] = record

    def measurements(self, now: datetime) -> Iterator[Measurement]:
        """Yield the value of each gauge, also where it is 0, so that no old value stays."""
        records = self._records.values()
        numbers = Counter(record.state for record in records)
        ages: dict[JobState, float] = {}
        for record in records:
            age = (now - record.entered.get(record.state, record.created_at)).total_seconds()
            ages[record.state] = max(age, ages.get(record.state, 0.0))
        for state in JobState:
            yield ACTIVE_JOBS, numbers[state], {JOB_STATE: state.value}
            yield OLDEST_JOB, ages.get(state, 0.0), {JOB_STATE: state.value}
        yield WAITING_JOBS, sum(record.waits_for is not None for record in records), {}
        running = [record.run.counts for record in records if not record.state.is_final]
        for name in TASK_STATES:
            yield TASKS, sum(getattr(counts, name) for counts in running), {TASK_STATE: name}
        behind = [(now - record.unsent.since).total_seconds() for record in records if record.unsent]
        yield UNSENT_AGE, max(behind, default=0.0), {}
