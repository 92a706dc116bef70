"""The bodies of HTTP answers about jobs: a job, its outcome, lists of jobs, tasks and events."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackStatus, FailedTask, JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import MAX_TASK_ANSWER, fitted
from batchmgr.model.waiting_for import WaitingFor

Json = dict[str, Any]


class JobAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a caller may know about a job. `attempts` and `retryAt` are those of its submission.

    `signatures_end`: from then on, its nodes don't reach storage.
    """

    job_id: str
    state: JobState
    workload: str
    created_at: datetime
    updated_at: datetime
    pool_id: str = ""
    metadata: dict[str, str] = {}
    attempts: int = 0
    retry_at: datetime | None = None
    cancel_requested: bool = False
    waiting_for: WaitingFor | None = None
    error: JobError | None = None
    callback: CallbackStatus | None = None
    signatures_end: datetime | None = None
    total: int | msgspec.UnsetType = msgspec.UNSET
    counts: TaskCounts | msgspec.UnsetType = msgspec.UNSET


def links(job_id: str, base: str) -> Json:
    """Return where to follow a job. `base` is the URL of the API, such as `https://host/api`."""
    job = f"{base}/jobs/{job_id}"
    return {
        "statusUri": job,
        "resultUri": f"{job}/result",
        "tasksUri": f"{job}/tasks",
        "eventsUri": f"{job}/events",
        "cancelUri": f"{job}/cancel",
    }


def accepted(record: JobRecord, base: str) -> Json:
    """Return the answer to a job that was accepted."""
    return {"jobId": record.job_id, "state": record.state.value, **links(record.job_id, base)}


def job(record: JobRecord, base: str, place: int = 0) -> Json:
    """Return what a caller may know about one job, and where to follow it. `place`: its place in the line."""
    waits_for = record.waits_for
    if waits_for is not None and place:
        waits_for = msgspec.structs.replace(waits_for, place=place)
    answer = JobAnswer(
        job_id=record.job_id,
        state=record.state,
        workload=record.workload,
        created_at=record.created_at,
        updated_at=record.updated_at,
        pool_id=record.pool_id,
        metadata=record.metadata,
        attempts=record.submission.attempts,
        retry_at=record.retry_at,
        cancel_requested=record.cancel_requested,
        waiting_for=waits_for,
        error=record.error,
        callback=record.callback,
        signatures_end=None if record.state.is_final else record.run.signatures_end,
        total=record.run.total,
        counts=record.run.counts,
    )
    return {**msgspec.to_builtins(answer), **links(record.job_id, base)}


def job_list(records: Iterable[JobRecord], base: str, limit: int, after: str) -> Json:
    """Return a page of jobs, with a `nextLink` if there are more."""
    page: Json = {"jobs": [job(record, base) for record in records]}
    if after:
        page["nextLink"] = f"{base}/jobs?{urlencode({'limit': limit, 'after': after})}"
    return page


def outcome(record: JobRecord) -> Json:
    """Return how a job ended: its state, its task counts, what failed and why, and where its results are."""
    answer = {
        "jobId": record.job_id,
        "state": record.state.value,
        "workload": record.workload,
        "total": record.run.total,
        "counts": msgspec.to_builtins(record.run.counts),
        "error": msgspec.to_builtins(record.error) if record.error else None,
        "failedTasks": [_failed_task(task) for task in record.run.failed_tasks],
        "results": msgspec.to_builtins(record.results),
        "taskResults": msgspec.to_builtins(record.task_results),
        "metadata": dict(record.metadata),
    }
    if record.outcome_uri:
        answer["outcomeUri"] = record.outcome_uri
    return answer


def _failed_task(task: FailedTask) -> Json:
    """Return a failed task without its traceback and stderr: these are in the task's event."""
    facts: Json = msgspec.to_builtins(task)
    for detail in ("traceback", "stderr"):
        facts.get("error", {}).pop(detail, None)
    return facts


def task_list(tasks: Iterable[TaskSnapshot], uri: str, query: Mapping[str, object]) -> Json:
    """Return a page of a job's tasks. `query` is that of the next page at the same `uri`, if there is one.

    Each task takes a thousandth of a page at most, its long texts cut: so a page need never end in the middle
    of what one call to Azure Batch has returned.
    """
    page: Json = {"tasks": [fitted(msgspec.to_builtins(task), MAX_TASK_ANSWER) for task in tasks]}
    if query:
        page["nextLink"] = f"{uri}?{urlencode({name: value for name, value in query.items() if value})}"
    return page


def event_list(events: Iterable[Event], after: int) -> Json:
    """Return a page of events. `last` is the `after` of the next request."""
    page = list(events)
    return {"events": page, "last": int(page[-1].sequence) if page else after}
