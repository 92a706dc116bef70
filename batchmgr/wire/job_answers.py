"""The bodies of HTTP answers about jobs: a job, its outcome, lists of jobs, tasks and events.

`job_answer_types` and `task_answer_types` list what is shown.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.dead_letter import DeadLetter
from batchmgr.model.failure_groups import FailureGroups
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import MAX_TASK_ANSWER, fitted
from batchmgr.model.task_file import TaskFile
from batchmgr.model.time_left import TimeLeft, time_left
from batchmgr.model.webhook import Webhook, WebhookStatus
from batchmgr.plan.task_kind import kind_of
from batchmgr.wire.answer import Json, as_json, shown
from batchmgr.wire.app_answer_types import DeadLetterAnswer, DeadLetterPage
from batchmgr.wire.job_answer_types import (
    AcceptedAnswer,
    CallbackAnswer,
    Counts,
    ErrorAnswer,
    JobAnswer,
    OutcomeAnswer,
    ResultAnswer,
    TaskResultAnswer,
    TimeLeftAnswer,
    WaitingForAnswer,
    WebhookAnswer,
)
from batchmgr.wire.plan_preview import Problem
from batchmgr.wire.task_answer_types import (
    FailedTaskAnswer,
    FailureGroupAnswer,
    FailureList,
    FileList,
    FullFailureGroup,
    TaskAnswer,
    TaskFileAnswer,
)
from batchmgr.wire.usage_answer import usage_answer


def links(job_id: str, base: str) -> dict[str, str]:
    """Return where to follow a job. `base` is the URL of the API, such as `https://host/api`."""
    job = f"{base}/jobs/{job_id}"
    return {
        "status_uri": job,
        "result_uri": f"{job}/result",
        "tasks_uri": f"{job}/tasks",
        "events_uri": f"{job}/events",
        "cancel_uri": f"{job}/cancel",
    }


def accepted(record: JobRecord, base: str, warnings: Sequence[Problem] = ()) -> AcceptedAnswer:
    """Return the answer to a job that was accepted. `warnings`: it may do something else than is meant."""
    return AcceptedAnswer(
        job_id=record.job_id,
        state=record.state,
        warnings=warnings,
        **links(record.job_id, base),
    )


def job(
    record: JobRecord, base: str, place: int = 0, webhooks: Mapping[int, WebhookStatus] | None = None
) -> JobAnswer:
    """Return what a caller may know about one job, and where to follow it. `place`: its place in the line.

    `webhooks` are the statuses of its webhooks that have one. Without it, they are left out.
    """
    waits_for = record.waits_for
    if waits_for is not None and place:
        waits_for = msgspec.structs.replace(waits_for, place=place)
    return JobAnswer(
        job_id=record.job_id,
        state=record.state,
        workload=record.workload,
        created_at=record.created_at,
        updated_at=record.updated_at,
        pool_id="" if record.run.has_own_pool else record.pool_id,
        metadata=record.metadata,
        attempts=record.submission.attempts,
        retry_at=record.retry_at,
        cancel_requested=record.cancel_requested,
        waiting_for=shown(waits_for, WaitingForAnswer),
        time_left=shown(_time_left(record), TimeLeftAnswer),
        error=shown(record.error, ErrorAnswer),
        callback=shown(record.callback, CallbackAnswer),
        other_callbacks=tuple(shown(one.callback, CallbackAnswer) for one in record.attached if one.callback),
        webhooks=() if webhooks is None else _webhooks(record, webhooks),
        rerun_of=record.rerun_of,
        signatures_end=None if record.state.is_final else record.run.signatures_end,
        total=record.run.total,
        counts=shown(record.run.counts, Counts),
        **links(record.job_id, base),
    )


def _webhooks(record: JobRecord, statuses: Mapping[int, WebhookStatus]) -> Sequence[WebhookAnswer]:
    return tuple(
        _webhook(webhook, statuses.get(number, WebhookStatus()))
        for number, webhook in enumerate(record.webhooks)
    )


def _webhook(webhook: Webhook, status: WebhookStatus) -> WebhookAnswer:
    return WebhookAnswer(
        receiver=webhook.receiver,
        events=webhook.events,
        state=webhook.state(status),
        attempts=status.attempts,
        delivered=status.cursor,
        next_attempt_at=status.next_attempt_at,
        last_error=status.last_error,
        given_up_at=status.given_up_at,
    )


def _time_left(record: JobRecord) -> TimeLeft | None:
    if record.state is not JobState.RUNNING:
        return None
    return time_left(record.run.usage, record.run.counts, record.updated_at)


JOB_FIELDS = JobAnswer.__struct_encode_fields__
"""The fields of a job in an answer, as far as it has them."""


def job_list(
    records: Iterable[JobRecord], base: str, query: Mapping[str, object], fields: Collection[str] = ()
) -> Json:
    """Return a page of jobs, each with these fields or all. `query` is that of the next page, if any."""
    page: Json = {"jobs": [only(as_json(job(record, base)), fields) for record in records]}
    if query:
        page["nextLink"] = f"{base}/jobs?{urlencode(query)}"
    return page


def only(item: Json, fields: Collection[str]) -> Json:
    """Return these fields of an item of a list, as far as it has them; without any, the item as it is."""
    return {name: item[name] for name in fields if name in item} if fields else item


def outcome(record: JobRecord) -> Json:
    """Return how a job ended: its state, its task counts, what failed and why, and where its results are."""
    return as_json(
        OutcomeAnswer(
            job_id=record.job_id,
            state=record.state,
            workload=record.workload,
            total=record.run.total,
            counts=shown(record.run.counts, Counts),
            error=shown(record.error, ErrorAnswer),
            failed_tasks=[shown(task, FailedTaskAnswer) for task in record.run.failed_tasks],
            failure_groups=[shown(group, FailureGroupAnswer) for group in record.failure_groups],
            results=[shown(result, ResultAnswer) for result in record.results],
            task_results=[shown(result, TaskResultAnswer) for result in record.task_results],
            metadata=record.metadata,
            usage=usage_answer(record.run.usage),
            rerun_of=record.rerun_of or msgspec.UNSET,
            outcome_uri=record.outcome_uri or msgspec.UNSET,
        )
    )


TASK_FIELDS = TaskAnswer.__struct_encode_fields__
"""The fields of a task in an answer, as far as it has them."""


def task_answer(task: TaskSnapshot) -> Json:
    """Return what a caller may know about one task, its long texts cut."""
    kind = kind_of(task.task_id, task.display_name)
    answer = msgspec.structs.replace(shown(task, TaskAnswer), kind=kind)
    return fitted(as_json(answer), MAX_TASK_ANSWER)


def task_list(
    tasks: Iterable[TaskSnapshot], uri: str, query: Mapping[str, object], fields: Collection[str] = ()
) -> Json:
    """Return a page of a job's tasks. `query` is that of the next page at the same `uri`, if there is one.

    Each task takes a thousandth of a page at most, its long texts cut: so a page need never end in the middle
    of what one call to Azure Batch has returned.
    """
    page: Json = {"tasks": [only(task_answer(task), fields) for task in tasks]}
    if query:
        page["nextLink"] = f"{uri}?{urlencode(query)}"
    return page


def file_list(files: Iterable[tuple[TaskFile, str]]) -> FileList:
    """Return the files of a task, each with where it is."""
    return FileList(
        files=[msgspec.structs.replace(shown(file, TaskFileAnswer), source=source) for file, source in files]
    )


def failure_list(groups: FailureGroups) -> FailureList:
    """Return the failed tasks of a job in groups."""
    return FailureList(
        failed=groups.failed,
        looked_at=groups.looked_at,
        groups=[shown(group, FullFailureGroup) for group in groups.groups],
        others=groups.others,
    )


def event_list(events: Iterable[Event], after: int, state: JobState) -> Json:
    """Return a page of events. `last` is the `after` of the next request, `state` that of the job.

    A final state with no events says that there will be none.
    """
    page = list(events)
    return {"events": page, "last": int(page[-1].sequence) if page else after, "state": state.value}


def dead_letter_list(letters: Iterable[DeadLetter], base: str, limit: int, after: str) -> DeadLetterPage:
    """Return a page of dead letters, with a `nextLink` if there are more."""
    uri = f"{base}/dead-letters?{urlencode({'limit': limit, 'after': after})}"
    return DeadLetterPage(
        dead_letters=[shown(letter, DeadLetterAnswer) for letter in letters], next_link=uri if after else ""
    )
