"""The bodies of HTTP answers: jobs, results, lists, and problem documents (RFC 9457)."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import FailedTask, JobRecord

Json = dict[str, Any]
HIDDEN = (
    "digest",
    "notify",
    "cursor",
    "outbox",
    "eventsOffset",
    "hasCallback",
    "inBatch",
    "awaitsTasks",
    "finalizeReleased",
    "canReport",
    "owesManifest",
    "reported",
    "taskResults",
    "results",
    "failedTasks",
)


def links(job_id: str, base: str) -> Json:
    """Where to follow a job. `base` is the URL of the API, such as `https://host/api`."""
    job = f"{base}/jobs/{job_id}"
    return {
        "statusUri": job,
        "resultUri": f"{job}/result",
        "tasksUri": f"{job}/tasks",
        "eventsUri": f"{job}/events",
        "cancelUri": f"{job}/cancel",
    }


def accepted(record: JobRecord, base: str) -> Json:
    """The answer to a job that was taken."""
    return {"jobId": record.job_id, "state": record.state.value, **links(record.job_id, base)}


def job(record: JobRecord, base: str) -> Json:
    """One job with everything a caller may know. The callback URI is a secret and not part of the record."""
    facts: Json = msgspec.to_builtins(record)
    for name in HIDDEN:
        facts.pop(name, None)
    facts["counts"] = msgspec.to_builtins(record.counts)
    facts["total"] = record.total
    return {**facts, **links(record.job_id, base)}


def job_list(records: Iterable[JobRecord], base: str, limit: int, after: str) -> Json:
    """A page of jobs; `nextLink` while there are more."""
    page: Json = {"jobs": [job(record, base) for record in records]}
    if after:
        page["nextLink"] = f"{base}/jobs?{urlencode({'limit': limit, 'after': after})}"
    return page


def outcome(record: JobRecord) -> Json:
    """How a job ended: its state, its tasks' counts, what failed and why, and where its results are."""
    return {
        "jobId": record.job_id,
        "state": record.state.value,
        "workload": record.workload,
        "total": record.total,
        "counts": msgspec.to_builtins(record.counts),
        "error": msgspec.to_builtins(record.error) if record.error else None,
        "failedTasks": [_failed_task(task) for task in record.failed_tasks],
        "results": msgspec.to_builtins(record.results),
        "taskResults": msgspec.to_builtins(record.task_results),
        "metadata": dict(record.metadata),
    }


def _failed_task(task: FailedTask) -> Json:
    """What failed, in short: tracebacks and stderr are in the task's event, not in a callback."""
    facts: Json = msgspec.to_builtins(task)
    for detail in ("traceback", "stderr"):
        facts.get("error", {}).pop(detail, None)
    return facts


def task_list(tasks: Iterable[TaskSnapshot]) -> Json:
    """The tasks of a job, as Azure Batch has them now."""
    return {"tasks": msgspec.to_builtins(list(tasks))}


def event_list(events: Iterable[Event], after: int) -> Json:
    """A page of events; `last` is the `after` of the next request."""
    page = list(events)
    return {"events": msgspec.to_builtins(page), "last": int(page[-1].sequence) if page else after}


def problem(status: int, title: str, detail: str, *, field: str = "") -> Json:
    """A problem document. `errors` names the field, as a JSON path and as a pointer."""
    body: Json = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if field:
        pointer = "#/" + field.replace("[", "/").replace("]", "").replace(".", "/")
        body["field"] = field
        body["errors"] = [{"detail": detail, "pointer": pointer}]
    return body
