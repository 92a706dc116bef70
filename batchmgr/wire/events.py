"""The events of a job and its tasks, each with a deterministic id: a consumer can drop repeats by it.

See `docs/events.md` for when each is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.poll_cursors import LONG_AGO
from batchmgr.model.size_limits import KIB, MAX_EVENT, fitted
from batchmgr.model.task_progress import ProgressReport
from batchmgr.model.time_left import time_left
from batchmgr.model.waiting_for import WaitingFor
from batchmgr.plan.cut_text import cut
from batchmgr.wire.answer import Json, as_json, shown
from batchmgr.wire.job_answer_types import Counts, ErrorAnswer, TimeLeftAnswer, WaitingForAnswer
from batchmgr.wire.json_codec import prepare

prepare(TaskSnapshot)

JOB_PROGRESS = "batchmgr.job.progress"
JOB_WAITING = "batchmgr.job.waiting"
JOB_WARNING = "batchmgr.job.warning"
TASK_RUNNING = "batchmgr.task.running"
TASK_SUCCEEDED = "batchmgr.task.succeeded"
TASK_FAILED = "batchmgr.task.failed"
TASK_RETRIED = "batchmgr.task.retried"
TASK_PREEMPTED = "batchmgr.task.preempted"
TASK_PROGRESS = "batchmgr.task.progress"
TASK_RESULT = "batchmgr.task.result"
JOB_STATES = {state: f"batchmgr.job.{state.value}" for state in JobState}

SIGNATURES_END = "SignaturesEnd"
"""The code of the warning that nodes will not reach storage any more."""

TASK_STATES = {
    TASK_RUNNING: "running",
    TASK_SUCCEEDED: "succeeded",
    TASK_FAILED: "failed",
    TASK_RETRIED: "retried",
    TASK_PREEMPTED: "preempted",
}

EVENT_TYPES = frozenset(
    {
        *JOB_STATES.values(),
        JOB_PROGRESS,
        JOB_WAITING,
        JOB_WARNING,
        TASK_RUNNING,
        TASK_SUCCEEDED,
        TASK_FAILED,
        TASK_RETRIED,
        TASK_PREEMPTED,
        TASK_PROGRESS,
        TASK_RESULT,
    }
)
"""All event types."""

MAX_DATA = MAX_EVENT - 4 * KIB
"""The rest is for the other attributes of the event: ids, times and keys."""

MAX_KEY = 300

_encode = msgspec.json.Encoder().encode


TaskEventId = tuple[str, str]
"""The id of an event of a task, and its type."""


def job_event(record: JobRecord) -> Event:
    """Return the event that the job has entered its state. Sent once per job and state."""
    return _event(record.job_id, JOB_STATES[record.state], "", record.updated_at, _summary(record))


def _summary(record: JobRecord) -> dict[str, object]:
    facts: dict[str, object] = {
        "jobId": record.job_id,
        "state": record.state.value,
        "workload": record.workload,
    }
    if record.rerun_of:
        facts["rerunOf"] = record.rerun_of
    if record.run.total:
        facts["total"] = record.run.total
        facts["counts"] = as_json(shown(record.run.counts, Counts))
    if record.error is not None:
        facts["error"] = as_json(shown(record.error, ErrorAnswer))
    return facts


def _why(waiting_for: WaitingFor) -> Json:
    return as_json(shown(waiting_for, WaitingForAnswer))


def planning_event(record: JobRecord) -> Event:
    """Return the event that the job waits for its job manager task. Sent once per job."""
    data = {
        "jobId": record.job_id,
        "reason": "the job manager task is planning the job on a node",
        "code": "JobManagerTask",
        "attempt": record.submission.attempts,
    }
    return _event(record.job_id, JOB_WAITING, "planning", record.updated_at, data)


def obstacle_events(record: JobRecord) -> list[Event]:
    """Return the event that the job has met the obstacle in its record, if any. Sent once per try."""
    obstacle = record.obstacle
    if obstacle is None:
        return []
    why = _why(obstacle.waiting_for)
    data: dict[str, object] = {"jobId": record.job_id, **why, "attempt": obstacle.tries}
    key = f"{obstacle.since:%Y%m%dT%H%M%S.%fZ}-{obstacle.tries}"
    return [_event(record.job_id, JOB_WAITING, key, record.updated_at, data)]


def listing_event(record: JobRecord, why: WaitingFor, *, listed: int, found: int) -> Event:
    """Return the event that the job's blobs are being listed, and how far that has come."""
    counts: dict[str, object] = {"listed": listed, "found": found}
    data: dict[str, object] = {"jobId": record.job_id, **_why(why), **counts}
    key = f"{why.code}/{why.since:%Y%m%dT%H%M%S%f}/{listed}"
    return _event(record.job_id, JOB_WAITING, key, record.updated_at, data)


def stall_event(job_id: str, why: WaitingFor) -> Event:
    """Return the event that the job can't go on by itself. Sent once for each time that a reason comes up."""
    data: dict[str, object] = {"jobId": job_id, **_why(why)}
    key = f"{why.code}/{why.since:%Y%m%dT%H%M%S%f}"
    return _event(job_id, JOB_WAITING, key, why.since, data)


def signatures_event(job_id: str, ends_at: datetime, now: datetime) -> Event:
    """Return the event that the job may take longer than the signatures of its nodes last. Sent once."""
    data: dict[str, object] = {
        "jobId": job_id,
        "code": SIGNATURES_END,
        "reason": f"The signatures with which the job's nodes reach storage end at {ends_at:%Y-%m-%d %H:%M} "
        "UTC. Tasks that start later can't read their input files, and tasks that end later can't write "
        "their output files.",
        "advice": "See that the job ends before, or send it again in parts. Nodes with an identity "
        "(BATCHMGR_NODE_IDENTITY) need no signatures.",
        "endsAt": msgspec.to_builtins(ends_at),
    }
    return _event(job_id, JOB_WARNING, SIGNATURES_END, now, data)


def progress_event(record: JobRecord) -> Event:
    """Return the event that the task counts have changed. Sent once per change. `fraction`: 0 to 1.

    The counts may come back to what they were: after a preemption, or when they lag. So the changes are
    numbered.
    """
    counts = record.run.counts
    data: dict[str, object] = {
        "jobId": record.job_id,
        "total": record.run.total,
        "counts": as_json(shown(counts, Counts)),
        "fraction": round(min(1.0, counts.completed / record.run.total), 4) if record.run.total else 0.0,
    }
    left = time_left(record.run.usage, counts, record.updated_at)
    if left is not None:
        data["timeLeft"] = as_json(shown(left, TimeLeftAnswer))
    key = str(record.run.count_changes)
    return _event(record.job_id, JOB_PROGRESS, key, record.updated_at, data)


def task_events(job_id: str, task: TaskSnapshot, since: datetime | None = None) -> list[Event]:
    """Return the events that one snapshot of a task shows: preempted, retried, running, succeeded or failed.

    What was before `since` has been told: of a run that has begun before, only its end is new. `task.running`
    is sent only if a poll sees the task running: a task that starts and ends between two polls has none.
    """
    return events_named(job_id, [(task, task_event_ids(job_id, task, since))])


def task_event_ids(job_id: str, task: TaskSnapshot, since: datetime | None = None) -> list[TaskEventId]:
    """Return the ids of the events that `task_events` would return, each as `_event_id` would make it."""
    before = f"{_task_subject(job_id, task.task_id)}/task."
    return [(f"{before}{TASK_STATES[kind]}/{number}", kind) for kind, number in _task_kinds(task, since)]


def events_named(job_id: str, tasks: Iterable[tuple[TaskSnapshot, Sequence[TaskEventId]]]) -> list[Event]:
    """Return those of the events of each snapshot that have these ids."""
    events: list[Event] = []
    job = b'{"jobId":%b,' % _encode(job_id)
    for task, ids in tasks:
        body = job + _encode(task)[len(b"{") :]
        if len(body) > MAX_DATA:
            body = _encode(fitted({"jobId": job_id, **msgspec.to_builtins(task)}, MAX_DATA))
        raw, subject = msgspec.Raw(body), _task_subject(job_id, task.task_id)
        for id_, kind in ids:
            events.append(
                Event(id=id_, type=kind, subject=subject, time=task.state_transition_time, body=raw)
            )
    return events


def task_of_event(event: Event) -> TaskSnapshot | None:
    """Return the task that an event tells of, as it was then; None for an event of anything else."""
    if event.type not in TASK_STATES:
        return None
    return msgspec.json.decode(event.body, type=TaskSnapshot)


def succeeded_task(event_id: str) -> str:
    """Return the id of the task of which this event says that it has succeeded; "" for any other event."""
    subject, _, rest = event_id.rpartition("/task.succeeded/")
    return subject.rpartition("/tasks/")[2] if rest else ""


def _task_kinds(task: TaskSnapshot, since: datetime | None) -> list[tuple[str, int]]:
    """Return the types of the events that a snapshot shows, each with the number of its kind."""
    state, run = task.state, task.retry_count + task.requeue_count
    if state == "active" or state == "preparing":  # it will run: then its retry is told
        return []
    since = since or LONG_AGO
    kinds: list[tuple[str, int]] = []
    if run and task.was_requeued_since(since):
        kinds.append((TASK_PREEMPTED, task.requeue_count))
    if run and task.was_retried_since(since):
        kinds.append((TASK_RETRIED, task.retry_count))
    if state == "completed":
        kinds.append((TASK_SUCCEEDED if task.result == "success" else TASK_FAILED, run))
    elif task.has_begun_since(since):
        kinds.append((TASK_RUNNING, run))
    return kinds


def report_event(job_id: str, report: ProgressReport) -> Event:
    """Return the event that a task has reported progress. Sent once per report."""
    data = {
        "jobId": job_id,
        "taskId": report.task_id,
        "fraction": report.fraction,
        "message": report.message,
    }
    return _event(job_id, TASK_PROGRESS, report.version, report.time, data, report.task_id)


def report_event_id(job_id: str, report: ProgressReport) -> str:
    """Return the id of the event that `report_event` would return."""
    return _event_id(_task_subject(job_id, report.task_id), TASK_PROGRESS, report.version)


def result_event(
    job_id: str, report: ProgressReport, result: Mapping[str, object], *, is_first: bool
) -> Event:
    """Return the event that a task has published a result. Sent each time that the result has changed.

    A task may publish a result, another one, and the first again: these are three events.
    """
    data = {"jobId": job_id, "taskId": report.task_id, "result": dict(result)}
    key = report.result_key if is_first else f"{report.result_key}-{report.version}"
    return _event(job_id, TASK_RESULT, key, report.time, data, report.task_id)


def matches_notify(event: Event, notify: Iterable[str]) -> bool:
    """Return whether the event matches a `notify` pattern such as `job.*`. No patterns match every event."""
    return _is_selected(event.type, tuple(notify))


@lru_cache(maxsize=1024)
def _is_selected(type_: str, patterns: tuple[str, ...]) -> bool:
    name = type_.removeprefix("batchmgr.")
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _event(
    job_id: str, type_: str, key: str, time: datetime, data: Mapping[str, object], task_id: str = ""
) -> Event:
    subject = _task_subject(job_id, task_id) if task_id else f"jobs/{job_id}"
    return Event(
        id=_event_id(subject, type_, key),
        type=type_,
        subject=subject,
        time=time,
        body=msgspec.Raw(_encode(fitted(dict(data), MAX_DATA))),
    )


def _task_subject(job_id: str, task_id: str) -> str:
    return f"jobs/{job_id}/tasks/{task_id}"


def _event_id(subject: str, type_: str, key: str) -> str:
    parts = (subject, type_.removeprefix("batchmgr."), cut(key, MAX_KEY))
    return "/".join(part for part in parts if part)
