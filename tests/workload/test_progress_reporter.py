"""Progress and results of a task are kept and sent, and failures to send do not disturb the task."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.workload.progress_reporter import MAX_MESSAGE, MAX_RESULT_BYTES, ProgressReporter


class Receiver:
    """Storage that takes reports, or fails if a test says so, with a clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.taken: list[tuple[dict[str, Any], Mapping[str, str]]] = []
        self.asked = 0
        self.error: Exception | None = None
        self.reporter = ProgressReporter(self.take, lambda: self.now)

    def take(self, body: bytes, facts: Mapping[str, str]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.taken.append((json.loads(body), facts))

    @property
    def messages(self) -> list[str]:
        return [body["message"] for body, _ in self.taken]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    made = Receiver()

    def sleep(seconds: float) -> None:
        made.now += seconds

    monkeypatch.setattr("batchmgr.workload.progress_reporter.time.sleep", sleep)
    return made


def test_progress_is_sent_every_few_seconds_at_most_and_the_last_one_always(receiver: Receiver) -> None:
    for number in range(1000):
        receiver.reporter.report_progress(number / 1000, f"step {number}")
        receiver.now += 0.011
    assert receiver.messages == ["step 0", "step 455", "step 910"]
    receiver.reporter.close()
    assert receiver.messages[-1] == "step 999"
    receiver.reporter.close()
    assert len(receiver.taken) == 4


def test_a_report_says_the_same_in_its_body_and_in_its_metadata(receiver: Receiver) -> None:
    receiver.reporter.report_progress(1 / 3, "fünf von 15")
    receiver.reporter.publish_result({"b": 1, "a": [None, "é"]})
    body, facts = receiver.taken[-1]
    assert body == {"fraction": 1 / 3, "message": "fünf von 15", "result": {"b": 1, "a": [None, "é"]}}
    assert (facts["fraction"], facts["message"]) == ("0.3333", "f%C3%BCnf%20von%2015")
    receiver.reporter.publish_result({"a": [None, "é"], "b": 1})
    assert receiver.taken[-1][1]["result"] == facts["result"] != ""
    receiver.reporter.publish_result({"a": 2})
    assert receiver.taken[-1][1]["result"] != facts["result"]


def test_results_are_sent_at_once(receiver: Receiver) -> None:
    receiver.reporter.report_progress(0.1, "")
    receiver.reporter.publish_result({"lines": 1})
    receiver.reporter.publish_result({"lines": 2})
    assert [body["result"] for body, _ in receiver.taken] == [None, {"lines": 1}, {"lines": 2}]


def test_without_storage_a_report_is_only_kept(receiver: Receiver) -> None:
    alone = ProgressReporter.from_environment({})
    alone.report_progress(2, "too much")
    alone.publish_result({"lines": 1})
    alone.close()
    assert (alone.fraction, alone.message, alone.result) == (1.0, "too much", {"lines": 1})


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("odd URL"), TimeoutError()])
def test_after_a_failure_nothing_is_sent_for_a_while_and_the_task_goes_on(
    receiver: Receiver, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.error = error
    for number in range(590):
        receiver.reporter.report_progress(number / 590, "")
        receiver.reporter.publish_result({"number": number})
        receiver.now += 0.1
    assert receiver.asked == 1
    receiver.now += 2
    receiver.reporter.report_progress(1, "again")
    assert receiver.asked == 2
    receiver.reporter.close()
    assert receiver.asked == 5
    assert "was not sent" in caplog.text
    receiver.error = None
    receiver.now += 60
    receiver.reporter.publish_result({"number": -1})
    assert receiver.taken[-1][0]["result"] == {"number": -1}


def test_what_was_not_sent_is_tried_again_at_the_end(receiver: Receiver) -> None:
    receiver.error = OSError("down")
    receiver.reporter.publish_result({"lines": 1})
    receiver.error = None
    receiver.reporter.close()
    assert [body["result"] for body, _ in receiver.taken] == [{"lines": 1}]


@given(st.text(st.characters(), max_size=600), st.floats())
def test_any_message_and_number_can_be_reported(message: str, fraction: float) -> None:
    receiver = Receiver()
    receiver.reporter.report_progress(fraction, message)
    [(body, facts)] = receiver.taken
    assert 0 <= body["fraction"] <= 1
    assert len(body["message"]) <= MAX_MESSAGE
    assert all(text.isascii() and text.isprintable() for text in facts.values())
    assert sum(map(len, facts.values())) < 8000  # what storage takes


def test_an_unpaired_surrogate_is_sent_as_a_question_mark(receiver: Receiver) -> None:
    receiver.reporter.report_progress(0.5, "half \ud83d of it\r\n")
    assert receiver.messages == ["half ? of it\r\n"]


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"in": found}
    return found


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (["a"], "must be a mapping, not list"),
        ({"v": object()}, "not JSON"),
        ({"v": float("nan")}, "not JSON"),
        ({"v": "\ud83d"}, "not JSON"),
        (nested(20_000), "not JSON"),
        (nested(33), "more than 32 levels"),
        ({"v": "x" * MAX_RESULT_BYTES}, "more than 32768: write it to an output file"),
    ],
    ids=["list", "object", "nan", "half", "deep", "nested", "large"],
)
def test_a_result_must_be_a_small_json_object(receiver: Receiver, result: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        receiver.reporter.publish_result(result)
    assert receiver.asked == 0


def test_a_result_may_have_the_size_of_the_limit(receiver: Receiver) -> None:
    receiver.reporter.publish_result({"v": "x" * (MAX_RESULT_BYTES - len('{"v": ""}'))})
    receiver.reporter.publish_result({**nested(31), "more": [[1]]})
    assert len(receiver.taken) == 2
