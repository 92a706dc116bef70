"""Events: what there is to tell of a job, and the deterministic id of each."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec

from batchmgr.model.batch_snapshots import NO_RERUNS, Reruns, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.task_progress import ProgressReport

JOB_PROGRESS = "batchmgr.job.progress"
JOB_WAITING = "batchmgr.job.waiting"
TASK_RUNNING = "batchmgr.task.running"
TASK_SUCCEEDED = "batchmgr.task.succeeded"
TASK_FAILED = "batchmgr.task.failed"
TASK_RETRIED = "batchmgr.task.retried"
TASK_PREEMPTED = "batchmgr.task.preempted"
TASK_PROGRESS = "batchmgr.task.progress"
TASK_RESULT = "batchmgr.task.result"
JOB_STATES = {state: f"batchmgr.job.{state.value}" for state in JobState}

EVENT_TYPES = frozenset(
    {
        *JOB_STATES.values(),
        JOB_PROGRESS,
        JOB_WAITING,
        TASK_RUNNING,
        TASK_SUCCEEDED,
        TASK_FAILED,
        TASK_RETRIED,
        TASK_PREEMPTED,
        TASK_PROGRESS,
        TASK_RESULT,
    }
)
"""Every type of event there is."""


def job_event(record: JobRecord) -> Event:
    """The job has come into its state. Once per state and job."""
    return _event(record.job_id, JOB_STATES[record.state], "", record.updated_at, dict(record.summary()))


def waiting_event(record: JobRecord, reason: str, code: str) -> Event:
    """The job waits for a service or a quota. Once per attempt."""
    return _waiting(record, reason, code, str(record.submission.attempts))


def planning_event(record: JobRecord) -> Event:
    """The job waits for its job manager task. Once per job."""
    return _waiting(record, "the job manager task plans the job on a node", "JobManagerTask", "planning")


def _waiting(record: JobRecord, reason: str, code: str, key: str) -> Event:
    data = {"jobId": record.job_id, "reason": reason, "code": code, "attempt": record.submission.attempts}
    return _event(record.job_id, JOB_WAITING, key, record.updated_at, data)


def progress_event(record: JobRecord) -> Event:
    """The tasks' counts have changed. Once per set of counts; `fraction` is 0 to 1."""
    counts = record.run.counts
    key = f"{counts.active}-{counts.running}-{counts.succeeded}-{counts.failed}"
    data: dict[str, object] = {
        "jobId": record.job_id,
        "total": record.run.total,
        "counts": msgspec.to_builtins(counts),
        "fraction": round(min(1.0, counts.completed / record.run.total), 4) if record.run.total else 0.0,
    }
    return _event(record.job_id, JOB_PROGRESS, key, record.updated_at, data)


def task_events(job_id: str, task: TaskSnapshot, told: Reruns = NO_RERUNS) -> list[Event]:
    """What one snapshot of a task tells: a retry, a preemption, that it runs, that it ended.

    `told` are the retries and preemptions that were told before. `task.running` is told when the poller sees
    the task running; a task quicker than that has none.
    """
    kinds: list[tuple[str, int]] = []
    if task.requeue_count > told.requeue_count:
        kinds.append((TASK_PREEMPTED, task.requeue_count))
    if task.retry_count > told.retry_count:
        kinds.append((TASK_RETRIED, task.retry_count))
    run = task.retry_count + task.requeue_count
    if task.state in {"preparing", "running"}:
        kinds.append((TASK_RUNNING, run))
    elif task.has_succeeded:
        kinds.append((TASK_SUCCEEDED, run))
    elif task.has_failed:
        kinds.append((TASK_FAILED, run))
    data = {"jobId": job_id, **msgspec.to_builtins(task)}
    when = task.state_transition_time
    return [_event(job_id, kind, str(number), when, data, task.task_id) for kind, number in kinds]


def report_event(job_id: str, report: ProgressReport) -> Event:
    """A task tells how far it is. Once per report."""
    data = {
        "jobId": job_id,
        "taskId": report.task_id,
        "fraction": report.fraction,
        "message": report.message,
    }
    return _event(job_id, TASK_PROGRESS, report.sequence, report.time, data, report.task_id)


def result_event(job_id: str, report: ProgressReport, result: Mapping[str, object]) -> Event:
    """A task has published a result. Once per result and task."""
    data = {"jobId": job_id, "taskId": report.task_id, "result": dict(result)}
    return _event(job_id, TASK_RESULT, report.result_key, report.time, data, report.task_id)


def matches_notify(event: Event, notify: Iterable[str]) -> bool:
    """Whether a job's `notify` patterns (`job.*`, `task.failed`) ask for this event; none asks for all."""
    name = event.type.removeprefix("batchmgr.")
    patterns = tuple(notify)
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _event(
    job_id: str, type_: str, key: str, time: datetime, data: Mapping[str, object], task_id: str = ""
) -> Event:
    subject = f"jobs/{job_id}/tasks/{task_id}" if task_id else f"jobs/{job_id}"
    parts = (subject, type_.removeprefix("batchmgr."), key)
    return Event(
        id="/".join(part for part in parts if part), type=type_, subject=subject, time=time, data=dict(data)
    )
