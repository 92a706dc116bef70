"""The checks after a storm: each finds what it is there for, and nothing in a sound storm."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.storm.callback_receiver import Call
from tests.storm.checks import failures, seconds_to_callback
from tests.storm.evidence import BatchTask, Evidence
from tests.storm.job_kinds import Fate, Json, PlannedJob
from tests.storm.job_sender import SentJob

SUCCEEDED = BatchTask(state="completed", result="success", exit_code=0)
FAILED = BatchTask(state="completed", result="failure", exit_code=3)
NEVER_RAN = BatchTask(state="active", result=None, exit_code=None)


def event(sequence: int, name: str, **data: Any) -> Json:
    return {
        "id": f"jobs/a/{name}/{data.get('taskId', '')}",
        "type": f"batchmgr.{name}",
        "sequence": f"{sequence:010}",
        "time": "2026-01-01T00:00:00Z",
        "data": data,
    }


def hooked(name: str, events: Sequence[Json], *, is_accepted: bool = True) -> Call:
    """Return a call of a webhook with these events."""
    body = json.dumps(events).encode()
    return Call(job_id="webhook-of.a", webhook_id=name, body=body, at=1767225601, is_accepted=is_accepted)


def sound_evidence() -> Evidence:
    """Return the evidence of one job, whose task `bad` failed, and of one message that is none."""
    outcome = {
        "state": "partial",
        "error": {"code": "FailureExitCode", "message": "1 of 2 tasks failed."},
        "counts": {"active": 1, "running": 0, "completed": 2, "succeeded": 1, "failed": 1},
        "failedTasks": [{"taskId": "bad"}],
        "results": [],
    }
    plan = PlannedJob(
        job_id="a",
        kind="partial",
        at=0,
        by="http",
        message={},
        states=frozenset({"partial"}),
        exit_codes={"good": 0, "bad": 3, "blocked": None},
        receiver=(),
        webhook=(),
    )
    bad = PlannedJob(job_id="b", kind="twin", at=0, by="queue", message={}, fate=Fate.POISON, text="{")
    body = json.dumps({"Output": outcome}).encode()
    events = [
        event(1, "job.queued"),
        event(2, "task.succeeded", taskId="good"),
        event(3, "task.failed", taskId="bad"),
        event(4, "job.partial"),
    ]
    return Evidence(
        sent={"a": SentJob(plan=plan, first_end=outcome), "b": SentJob(plan=bad, text="{")},
        outcomes={"a": outcome},
        events={"a": events},
        webhooks={
            "a": [
                hooked("1", events[:2], is_accepted=False),
                hooked("1", events[:2]),
                hooked("1", events[:2]),
                hooked("3", events[2:]),
            ]
        },
        callbacks={"a": [Call(job_id="a", webhook_id="msg_a", body=body, at=1767225602, is_accepted=True)]},
        record_sizes={"a": 1000},
        batch_states={"a": "completed"},
        batch_tasks={"a": {"good": SUCCEEDED, "bad": FAILED, "blocked": NEVER_RAN}},
        ledger={"a": {"good": ["began", "0"], "bad": ["began", "3"]}},
        files={"a": {}},
        poison={"batchmgr-job-requests-poison": ["{"]},
        progress=[events[0]],
    )


def test_a_sound_storm_has_no_failures() -> None:
    assert failures(sound_evidence()) == []


Change = Callable[[Evidence], Any]


def not_ended(evidence: Evidence) -> None:
    evidence.outcomes, evidence.events, evidence.files = {}, {}, {}


def call(evidence: Evidence, **fields: Any) -> None:
    (first,) = evidence.callbacks["a"]
    evidence.callbacks = {"a": [first, replace(first, **fields)]}


def log(evidence: Evidence, *more: Json, without: int = -1) -> None:
    known = [one for place, one in enumerate(evidence.events["a"]) if place != without]
    evidence.events = {"a": [*more, *known]}


def hook(evidence: Evidence, *places: int) -> None:
    """Let the webhook have got the events at these places, each by itself."""
    events = evidence.events["a"]
    evidence.webhooks = {"a": [hooked(f"{place}", [events[place]]) for place in places]}


def set_fields(**fields: Any) -> Change:
    def change(evidence: Evidence) -> None:
        for name, value in fields.items():
            setattr(evidence, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (not_ended, "a has not ended"),
        (lambda e: e.outcomes["a"].update(state="failed"), "a is failed, not partial"),
        (lambda e: setattr(e.sent["a"], "cancel_status", 202), "a is partial, not cancelled"),
        (lambda e: setattr(e.sent["a"], "first_end", {"state": "failed"}), "the result of a has changed"),
        (set_fields(record_sizes={"a": 1, "x": 1}), "there is a record x"),
        (lambda e: e.outcomes["a"]["counts"].update(running=1), "a has the counts"),
        (lambda e: e.outcomes["a"].update(failedTasks=[]), "a names the failed tasks []"),
        (lambda e: e.outcomes["a"].update(failedTasks=[{"taskId": "good"}]), "a names the failed tasks"),
        (lambda e: e.ledger["a"].update(blocked=["began"]), "task blocked of a ran"),
        (lambda e: e.ledger["a"].pop("good"), "task good of a notes []"),
        (lambda e: e.ledger["a"].update(good=["began"]), "task good of a notes ['began']"),
        (lambda e: e.batch_tasks["a"].update(bad=SUCCEEDED), "task bad of a ended as"),
        (set_fields(files={"a": {"out.txt": None}}), "a lists the result out.txt, which is not there"),
        (set_fields(callbacks={}), "no callback of a was accepted, of 0"),
        (lambda e: call(e, webhook_id="msg_x"), "a sent callbacks with several ids"),
        (lambda e: call(e, body=b'{"Output": {}}'), "a sent callbacks with 2 different bodies"),
        (lambda e: call(e, body=b'{"Output": {}}'), "the callback of a does not say"),
        (lambda e: e.callbacks.update(z=e.callbacks["a"]), "z is no job, but sent a callback"),
        (set_fields(webhooks={}), "the webhook of a has got the events [], not [1, 2, 3, 4]"),
        (lambda e: hook(e, 0, 1, 3), "the webhook of a has got the events [1, 2, 4], not [1, 2, 3, 4]"),
        (lambda e: hook(e, 0, 2, 1, 3), "the webhook of a has got the events [1, 3, 2, 4]"),
        (lambda e: e.webhooks["a"].append(hooked("3", [])), "the webhook of a was sent 2 batches as 3"),
        (lambda e: setattr(e.sent["a"], "plan", replace(e.sent["a"].plan, webhook=None)), "a has no webhook"),
        (lambda e: log(e, event(1, "job.queued")), "the log of a has events more than once"),
        (lambda e: log(e, event(1, "job.queued")), "the log of a has the sequences [1, 1, 2"),
        (lambda e: log(e, without=0), "the log of a has the sequences [2, 3, 4]"),
        (lambda e: log(e, without=1), "task good of a is"),
        (lambda e: log(e, without=3), "a is partial, but its last events are []"),
        (lambda e: log(e, event(0, "job.failed")), "a is partial, but its last events are"),
        (lambda e: log(e, event(5, "job.waiting", reason="x" * 50_000)), "is above 49152 bytes"),
        (set_fields(progress=[event(9, "job.queued")]), "the progress queue had the event"),
        (set_fields(batch_states={"a": "active"}), "the Batch job a is active"),
        (set_fields(batch_states={"a": "completed", "x": "completed"}), "there is a Batch job x"),
        (set_fields(batch_states={}), "a is partial, but has no Batch job"),
        (set_fields(active=["a"]), "a is still in the index"),
        (set_fields(poison={}), "b is in the poison queue 0 times, not 1 times"),
        (
            set_fields(poison={"batchmgr-callbacks-poison": ["{"]}),
            "batchmgr-callbacks-poison has the message",
        ),
        (set_fields(poison={"batchmgr-job-requests-poison": ["?", "{"]}), "has the message ?"),
        (set_fields(record_sizes={"a": 300_000}), "the record of a has 300000 bytes"),
        (set_fields(health=503), "GET /health answers 503"),
        (set_fields(leaks=["a callback URI is in host.log"]), "a callback URI is in host.log"),
        (set_fields(problems=["host 0 ended by SIGSEGV"]), "host 0 ended by SIGSEGV"),
    ],
)
def test_what_is_wrong_is_found(change: Change, failure: str) -> None:
    evidence = sound_evidence()
    change(evidence)
    assert any(failure in found for found in failures(evidence)), failures(evidence)


def test_a_job_without_a_callback_must_not_send_one() -> None:
    evidence = sound_evidence()
    job = evidence.sent["a"]
    job.plan = replace(job.plan, receiver=None)
    assert failures(evidence) == ["a has no callback, but sent 1"]


def test_the_result_of_a_task_must_be_what_it_wrote() -> None:
    evidence = sound_evidence()
    job = evidence.sent["a"]
    job.plan = replace(job.plan, states=frozenset({"succeeded"}), results={"out.txt": "1\n"})
    evidence.outcomes["a"]["state"] = "succeeded"
    evidence.files = {"a": {"out.txt": b"2\n"}}
    assert "the result out.txt of a is b'2\\n', not '1\\n'" in failures(evidence)


def deleted_evidence() -> Evidence:
    """Return the evidence of a job of which nothing was to be kept, and a message about it that came late."""
    evidence = sound_evidence()
    job = evidence.sent["a"]
    job.plan = replace(job.plan, is_fleeting=True)
    evidence.outcomes, evidence.events, evidence.files = {}, {}, {}
    evidence.record_sizes, evidence.batch_states, evidence.batch_tasks = {}, {}, {}
    evidence.progress = [{**event(1, "job.queued"), "subject": "jobs/a"}]
    evidence.poison = {"batchmgr-job-requests-poison": ["{", "eyJzdG9yZWRKb2JJZCI6ImEifQ=="]}
    return evidence


def test_a_job_that_was_deleted_after_its_end_is_no_failure() -> None:
    assert failures(deleted_evidence()) == []


def test_a_job_that_was_deleted_too_early_or_not_at_all_is_found() -> None:
    evidence = deleted_evidence()
    evidence.kept = {"a": ["batchmgr-jobs/requests/a.json"]}
    evidence.sent["a"].first_end = None
    evidence.callbacks = {}
    found = failures(evidence)
    assert "of a something is left: batchmgr-jobs/requests/a.json" in found
    assert "a was deleted before its caller could see its end" in found
    assert "no callback of a was accepted, of 0" in found
    evidence = deleted_evidence()
    call(evidence, body=b'{"Output": {}}')
    assert "the callback of a does not say what its result says" in failures(evidence)


def test_the_time_to_the_callback_is_counted_from_the_last_event() -> None:
    assert seconds_to_callback(sound_evidence()) == {"a": 2}
