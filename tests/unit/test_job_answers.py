"""What answers and callbacks say of a job: fields that are listed, and no others."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from batchmgr.model.batch_snapshots import TaskCounts, TaskError, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import (
    CallbackState,
    CallbackStatus,
    FailedTask,
    JobError,
    ResultFile,
    Run,
)
from batchmgr.model.job_states import JobState
from batchmgr.model.task_progress import TaskResult
from batchmgr.model.waiting_for import Obstacle, ObstacleKind
from batchmgr.model.webhook import Webhook, WebhookStatus
from batchmgr.wire.adf_callback import adf_callback
from batchmgr.wire.job_answers import accepted, job, job_list, outcome, task_list

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ERROR = TaskError(type="T", message="M", category="BadInput", traceback="TB", stderr="E", field="f")
TASK = TaskSnapshot(
    task_id="t",
    state="completed",
    state_transition_time=NOW,
    display_name="d",
    result="failure",
    exit_code=1,
    error=ERROR,
    start_time=NOW,
    end_time=NOW,
    retry_count=1,
    last_retry_time=NOW,
    requeue_count=1,
    last_requeue_time=NOW,
    node_id="n",
)
RECORD = JobRecord(
    job_id="job-1",
    state=JobState.FAILED,
    workload="w",
    digest="d",
    created_at=NOW,
    updated_at=NOW,
    pool_id="p",
    metadata={"m": "v"},
    receiver="a.example.com:443",
    run=Run(total=1, counts=TaskCounts(failed=1), failed_tasks=(FailedTask.of(TASK),)),
    error=JobError(code="C", message="M", field="f", category="BadInput"),
    obstacle=Obstacle(kind=ObstacleKind.BUSY, code="C", reason="R", since=NOW, tries=1, retry_at=NOW),
    callback=CallbackStatus(state=CallbackState.PENDING, attempts=1, next_attempt_at=NOW, last_error="L"),
    results=(ResultFile(name="r", uri="u"),),
    webhooks=(Webhook(receiver="h:443", events=("job.*",), wanted=3, settled=1),),
    task_results=(TaskResult(task_id="t", result={"a": 1}),),
    outcome_uri="o",
    traceparent="00-1-1-00",
)
STATUS = WebhookStatus(cursor=1).sending(3, NOW).dead("why", NOW)
PRIVATE = "nobody has listed this field"


def widened(value: Any, kind: type) -> Any:
    """The value with one more field in each struct of this kind, wherever it is in it."""
    if isinstance(value, tuple):
        return tuple(widened(one, kind) for one in value)
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {name: widened(getattr(value, name), kind) for name in value.__struct_fields__}
    if type(value) is not kind:
        return msgspec.structs.replace(value, **fields)
    wider = msgspec.defstruct(kind.__name__, [("added", str)], bases=(kind,), frozen=True, kw_only=True)
    return wider(**fields, added=PRIVATE)


def answers(record: JobRecord, task: TaskSnapshot) -> Iterator[object]:
    """All that callers and receivers get of a job."""
    yield accepted(record, "https://a/api")
    yield job(record, "https://a/api", 3, {0: STATUS})
    running = msgspec.structs.replace(record, state=JobState.SUBMITTING)
    yield job(running, "https://a/api", 3)
    yield job_list([record], "https://a/api", {"after": "x"})
    yield outcome(record)
    yield task_list([task], "https://a/api", {})
    yield adf_callback(record)


KINDS = (
    JobRecord,
    Run,
    TaskCounts,
    FailedTask,
    TaskError,
    TaskSnapshot,
    JobError,
    Obstacle,
    CallbackStatus,
    ResultFile,
    TaskResult,
    Webhook,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_a_new_field_of_a_record_is_private_until_it_is_listed(kind: type) -> None:
    record, task = widened(RECORD, kind), widened(TASK, kind)
    assert PRIVATE in str(msgspec.to_builtins((record, task)))
    shown = [msgspec.json.encode(answer).decode() for answer in answers(record, task)]
    assert [text for text in shown if PRIVATE in text] == []


def encoded(make: Callable[[JobRecord, TaskSnapshot], Iterator[object]]) -> str:
    return b"\n".join(msgspec.json.encode(answer) for answer in make(RECORD, TASK)).decode()


def test_what_is_listed_is_shown_and_the_receiver_and_the_digest_are_not() -> None:
    text = encoded(answers)
    for name in ("waitingFor", "lastError", "nextAttemptAt", "taskResults", "lastRequeueTime", "stderr"):
        assert f'"{name}"' in text, name
    assert "a.example.com" not in text
    assert '"digest"' not in text
    assert '"traceback"' not in msgspec.json.encode(outcome(RECORD)).decode()


def test_a_job_without_further_receivers_shows_no_empty_lists_of_them() -> None:
    alone = msgspec.structs.replace(RECORD, attached=(), webhooks=())
    text = msgspec.json.encode(job(alone, "https://a/api", webhooks={})).decode()
    assert "otherCallbacks" not in text
    assert "webhooks" not in text


def test_a_webhook_is_shown_in_the_answer_about_its_job_and_in_no_list() -> None:
    hook = {
        "receiver": "h:443",
        "events": ("job.*",),
        "state": "dead",
        "attempts": 1,
        "delivered": 1,
        "lastError": "why",
        "givenUpAt": "2026-11-28T00:00:00Z",
    }
    assert msgspec.to_builtins(job(RECORD, "https://a/api", 0, {0: STATUS}))["webhooks"] == (hook,)
    [new] = msgspec.to_builtins(job(RECORD, "https://a/api", 0, {}))["webhooks"]
    assert (new["state"], new["delivered"]) == ("pending", 0)
    assert "webhooks" not in job_list([RECORD], "https://a/api", {})["jobs"][0]
