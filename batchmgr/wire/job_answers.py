"""The bodies of HTTP answers about jobs: a job, its outcome, lists of jobs, tasks and events.

Each field is listed by its name, here or in `shown_fields`. So a new field of a record, or of a part of it,
is private until it is added to one of these lists, and to `docs/http-api.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.dead_letter import DeadLetter
from batchmgr.model.failure_groups import FailureGroups
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import MAX_TASK_ANSWER, fitted
from batchmgr.model.task_file import TaskFile
from batchmgr.wire.shown_fields import (
    CALLBACK,
    COUNTS,
    DEAD_LETTER,
    ERROR,
    FAILED_TASK,
    FAILURE,
    FAILURE_GROUP,
    RESULT,
    TASK,
    TASK_ERROR,
    TASK_RESULT,
    WAITING_FOR,
    Json,
    shown,
)


class JobAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a caller may know about a job. `attempts` and `retryAt` are those of its submission.

    `other_callbacks` are those to receivers that were attached later.
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
    waiting_for: Json | None = None
    error: Json | None = None
    callback: Json | None = None
    other_callbacks: Sequence[Json | None] = ()
    rerun_of: str = ""
    signatures_end: datetime | None = None
    total: int | msgspec.UnsetType = msgspec.UNSET
    counts: Json | msgspec.UnsetType = msgspec.UNSET


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
        waiting_for=shown(waits_for, WAITING_FOR),
        error=shown(record.error, ERROR),
        callback=shown(record.callback, CALLBACK),
        other_callbacks=[shown(one.callback, CALLBACK) for one in record.attached if one.callback],
        rerun_of=record.rerun_of,
        signatures_end=None if record.state.is_final else record.run.signatures_end,
        total=record.run.total,
        counts=shown(record.run.counts, COUNTS),
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
        "counts": shown(record.run.counts, COUNTS),
        "error": shown(record.error, ERROR),
        "failedTasks": [_failed_task(task) for task in record.run.failed_tasks],
        "failureGroups": [shown(group, FAILURE_GROUP) for group in record.failure_groups],
        "results": [shown(result, RESULT) for result in record.results],
        "taskResults": [shown(result, TASK_RESULT) for result in record.task_results],
        "metadata": dict(record.metadata),
    }
    if record.rerun_of:
        answer["rerunOf"] = record.rerun_of
    if record.outcome_uri:
        answer["outcomeUri"] = record.outcome_uri
    return answer


def _failed_task(task: FailedTask) -> Json:
    return _with_error(shown(task, FAILED_TASK), FAILURE)


def task_list(tasks: Iterable[TaskSnapshot], uri: str, query: Mapping[str, object]) -> Json:
    """Return a page of a job's tasks. `query` is that of the next page at the same `uri`, if there is one.

    Each task takes a thousandth of a page at most, its long texts cut: so a page need never end in the middle
    of what one call to Azure Batch has returned.
    """
    found = (_with_error(shown(task, TASK), TASK_ERROR) for task in tasks)
    page: Json = {"tasks": [fitted(task, MAX_TASK_ANSWER) for task in found]}
    if query:
        page["nextLink"] = f"{uri}?{urlencode({name: value for name, value in query.items() if value})}"
    return page


def file_list(files: Iterable[tuple[TaskFile, str]]) -> Json:
    """Return the files of a task, each with where it is."""
    return {"files": [{**msgspec.to_builtins(file), "source": source} for file, source in files]}


def failure_list(groups: FailureGroups) -> Json:
    """Return the failed tasks of a job in groups."""
    page: Json = {"failed": groups.failed, "lookedAt": groups.looked_at}
    page["groups"] = [shown(group, (*FAILURE_GROUP, "traceback", "stderr")) for group in groups.groups]
    return {**page, "others": groups.others} if groups.others else page


def event_list(events: Iterable[Event], after: int) -> Json:
    """Return a page of events. `last` is the `after` of the next request."""
    page = list(events)
    return {"events": page, "last": int(page[-1].sequence) if page else after}


def dead_letter_list(letters: Iterable[DeadLetter], base: str, limit: int, after: str) -> Json:
    """Return a page of dead letters, with a `nextLink` if there are more."""
    page: Json = {"deadLetters": [shown(letter, DEAD_LETTER) for letter in letters]}
    if after:
        page["nextLink"] = f"{base}/dead-letters?{urlencode({'limit': limit, 'after': after})}"
    return page


def _with_error(task: Json, fields: Sequence[str]) -> Json:
    """Return a task with these fields of its error, if it has one."""
    if (error := task.get("error")) is not None:
        task["error"] = {name: error[name] for name in fields if name in error}
    return task
