"""Everything that batchmgr writes has a bound, whatever the texts are that it is made of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.callback_port import LONGEST_RECEIVER
from batchmgr.errors import InvalidJobError
from batchmgr.model import size_limits as limits
from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus, FailedTask, JobError, ResultFile
from batchmgr.model.job_states import JobState
from batchmgr.model.poll_cursors import LogMark, PollCursor, ReportCursor
from batchmgr.model.receivers import FIRST, MAX_ATTACHED, with_receiver, with_status
from batchmgr.model.record_overflow import join, split
from batchmgr.model.request_limits import MAX_METADATA, MAX_PATTERNS, MAX_WEBHOOKS, MAX_WORKLOAD
from batchmgr.model.size_limits import fitted, portions, size_of
from batchmgr.model.task_progress import ProgressReport, TaskResult
from batchmgr.model.usage import NodeFacts, Usage
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.model.webhook import Webhook, WebhookStatus
from batchmgr.plan.cut_text import cut, cut_front, json_size
from batchmgr.plan.problems import MAX_PROBLEMS
from batchmgr.wire import events
from batchmgr.wire.adf_callback import adf_callback
from batchmgr.wire.job_answers import job, outcome
from batchmgr.wire.plan_preview import Problem
from batchmgr.wire.problem_document import problem_document
from batchmgr.workload.progress_reporter import MAX_MESSAGE, MAX_RESULT_BYTES
from batchmgr.workload.task_error_report import TaskErrorReport
from tests.number_of_examples import examples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALPHABET = st.sampled_from(["a", '"', "\\", "\x00", "\n", "ü", "€", "😀", "\ud800", "\u2028"])


@st.composite
def texts(draw: st.DrawFn, most: int = 100_000) -> str:
    """Draw a text of any length, of letters that take one to six bytes in JSON."""
    pattern = draw(st.text(ALPHABET, min_size=1, max_size=5))
    length = draw(st.sampled_from([0, 1, 63, 64, 200, 2048, 40_000, most]) | st.integers(0, most))
    return (pattern * (length // len(pattern) + 1))[:length]


def encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


@given(texts(), st.integers(64, 5000))
@examples(150)
def test_a_text_that_is_cut_fits_says_so_and_is_not_cut_again(text: str, limit: int) -> None:
    for cutting in (cut, cut_front):
        short = cutting(text, limit)
        assert json_size(short) == len(msgspec.json.encode(short)) - 2 <= limit
        assert cutting(short, limit) == short
        if json_size(encodable(text)) <= limit:
            assert short == encodable(text)
        else:
            assert f"cut from {len(text)} characters]" in short
            assert json_size(short) > limit - 6  # as much as fits
    assert encodable(text).startswith(cut(text, limit).rpartition("… [cut from")[0])


def record(state: JobState = JobState.RUNNING, **changes: object) -> JobRecord:
    patterns = ("task." + "x" * (MAX_WORKLOAD - 5),) * MAX_PATTERNS
    webhook = Webhook(receiver="h" * LONGEST_RECEIVER, events=patterns, wanted=10**9, next_attempt_at=NOW)
    made = JobRecord(
        job_id="j" * 64,
        state=state,
        workload="\x00" * MAX_WORKLOAD,
        digest="d" * 64,
        created_at=NOW,
        updated_at=NOW,
        pool_id="p" * 64,
        metadata={"m": "x" * (MAX_METADATA - 8)},
        notify=patterns,
        receiver="receiver.example:443",
        webhooks=(webhook,) * MAX_WEBHOOKS,
    )
    return msgspec.structs.replace(made, **changes)


def task(number: int, text: str) -> TaskSnapshot:
    return TaskSnapshot(
        task_id=f"{number:064d}",
        state="completed",
        result="failure",
        state_transition_time=NOW,
        display_name=encodable(text),
        exit_code=1,
        error=TaskError(type=text, message=text, category=text, traceback=text, stderr=text, field=text),
        start_time=NOW,
        end_time=NOW,
        retry_count=2,
        requeue_count=3,
        node_id="n" * 64,
    )


def result(text: str) -> dict[str, object]:
    """Return the largest result that a task can publish with this text."""
    return {"value": cut(text, MAX_RESULT_BYTES - 20)}


@given(texts(), texts())
@examples(60)
def test_every_event_fits_into_a_queue_message(text: str, other: str) -> None:
    error = JobError(code=text, message=other, field=text)
    report = ProgressReport(
        task_id="t" * 64,
        version=encodable(text)[:32],
        time=NOW,
        fraction=0.5,
        message=cut(text, MAX_MESSAGE),
        result_key=encodable(other)[:32],
    )
    hindered = record().hindered(NOW, ObstacleKind.BUSY, code=text, reason=other, retry_at=NOW)
    assert hindered.obstacle is not None
    made = [
        events.job_event(record(JobState.FAILED, error=error)),
        *events.obstacle_events(hindered),
        events.stall_event("j" * 64, hindered.obstacle.waiting_for),
        events.planning_event(record()),
        events.progress_event(record()),
        *events.task_events("j" * 64, task(1, text)),
        events.report_event("j" * 64, report),
        events.result_event("j" * 64, report, result(text), is_first=True),
    ]
    for event in made:
        assert size_of(event.numbered(10**10 - 1)) <= limits.MAX_EVENT


@given(texts(), st.integers(0, 3000), st.integers(1, 40))
@examples(30)
def test_a_record_and_what_is_made_from_it_stay_small_whatever_the_job_does(
    text: str, tasks: int, failed: int
) -> None:
    failures = [
        FailedTask(task_id=task(n, text).task_id, display_name=text, exit_code=1, error=task(n, text).error)
        for n in range(failed)
    ]
    ids = [f"{number:064d}" for number in range(tasks)]
    marks = tuple(LogMark(time=NOW, offset=2**45 + n) for n in range(12))
    cursor = PollCursor(until=NOW, marks=marks, completed=tasks)
    reports = ReportCursor(until=NOW, marks=marks, results=dict.fromkeys(ids[:100], "k" * 32))
    over = [
        msgspec.structs.replace(task(n, text), display_name=f"{text}{'k' * n}", end_time=NOW)
        for n in range(60)
    ]
    usage = Usage(nodes=NodeFacts(pool_id="p" * 64)).with_ends(over, lambda node: None)
    running = record().tasks_observed(NOW, cursor=cursor, failed=failures, usage=usage)
    running = running.tasks_observed(NOW, cursor=cursor, failed=failures, usage=usage).reports_observed(
        NOW, cursor=reports
    )
    changed = running.with_outbox(events.task_events("j" * 64, task(1, text)) * (tasks // 10))
    small, parts = split(changed, "overflow/" + "j" * 64 + "/0123456789abcdef.json")
    assert size_of(small) <= limits.MAX_RECORD
    assert msgspec.structs.replace(join(small, parts), overflow="") == changed
    assert size_of(job(changed, "https://example/api")) <= limits.MAX_JOB_ANSWER

    name = encodable(text)[:1024]
    ended = running.finalizing(NOW).ended(
        NOW,
        JobState.FAILED,
        error=JobError(code=text, message=text, field=text),
        failed_tasks=failures,
        results=[ResultFile(name=f"{name}-{n}", uri=f"https://example/{name}") for n in range(150)],
        task_results=[TaskResult(task_id=task_id, result=result(text)) for task_id in ids[:100]],
    )
    status = CallbackStatus(state=CallbackState.PENDING, attempts=9, next_attempt_at=NOW, last_error=text)
    for number in range(MAX_ATTACHED):
        ended = with_receiver(ended, f"{number:016d}", "h" * LONGEST_RECEIVER)
        ended = with_status(ended, f"{number:016d}", status)
    ended = with_status(ended, FIRST, status)
    assert size_of(split(ended, "overflow/" + "j" * 64 + "/0123456789abcdef.json")[0]) <= limits.MAX_RECORD
    assert size_of(outcome(ended)) <= limits.MAX_OUTCOME
    assert size_of(adf_callback(ended)) <= limits.MAX_OUTCOME
    assert size_of(job(ended, "https://example/api")) <= limits.MAX_JOB_ANSWER
    dead = WebhookStatus(cursor=10**9).dead(text, NOW).put_off(text, NOW)
    webhooks = dict.fromkeys(range(MAX_WEBHOOKS), dead)
    assert size_of(job(ended, "https://example/api", 9, webhooks)) <= 2 * limits.MAX_JOB_ANSWER


@given(texts(1_000_000), texts())
@examples(50)
def test_problems_and_error_reports_stay_small(text: str, field: str) -> None:
    problems = [InvalidJobError(text, field=field)] * MAX_PROBLEMS
    document = problem_document(400, "InvalidJob", "The job can't be accepted", text, problems=problems)
    assert size_of(document) <= 64 * limits.KIB
    assert size_of(Problem.of(InvalidJobError(text, field=field))) <= 5 * limits.KIB
    report = TaskErrorReport.of(InvalidJobError(text, field=field))
    assert size_of(report.to_dict()) <= 8 * limits.KIB


JSON = st.recursive(
    st.none() | st.integers() | texts(60_000),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=9), inner, max_size=9),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["jobId", "taskId", "a", "b", "c"]), JSON))
@examples(50)
def test_any_data_of_an_event_fits(data: dict[str, object]) -> None:
    clean = msgspec.json.decode(encodable_json(data))
    short = fitted(clean, events.MAX_DATA)
    assert size_of(short) <= events.MAX_DATA
    if size_of(clean) <= events.MAX_DATA:
        assert short == clean


def encodable_json(value: object) -> bytes:
    def clean(part: object) -> object:
        if isinstance(part, str):
            return encodable(part)
        if isinstance(part, dict):
            return {encodable(name): clean(one) for name, one in part.items()}
        return [clean(one) for one in part] if isinstance(part, list) else part

    return msgspec.json.encode(clean(value), enc_hook=str)


def test_data_with_too_many_parts_keeps_the_short_ones() -> None:
    data: dict[str, object] = {"jobId": "j", "parts": ["x"] * 100_000}
    assert fitted(data, events.MAX_DATA) == {"jobId": "j"}


@pytest.mark.parametrize("cutting", [cut, cut_front])
def test_a_text_of_megabytes_is_cut_at_once(cutting: Callable[[str, int], str]) -> None:
    begun = datetime.now(UTC)
    cutting("€" * 30_000_000, 2048)
    assert datetime.now(UTC) - begun < timedelta(seconds=2)


@given(st.lists(texts(3000), max_size=40), st.integers(1, 20_000))
@examples(50)
def test_portions_hold_everything_in_order_and_no_more_than_their_limit(items: list[str], limit: int) -> None:
    clean = [encodable(text) for text in items]
    found = list(portions(clean, limit))
    assert [text for portion in found for text in portion] == clean
    assert all(portion for portion in found)
    assert all(len(portion) == 1 or sum(map(size_of, portion)) <= limit for portion in found)
