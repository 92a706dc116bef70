"""What a task tells of itself: seldom enough, whole at the end, and never to the harm of the task."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from batchmgr.workload.reporting import (
    SECONDS_AFTER_FAILURE,
    SECONDS_BETWEEN_REPORTS,
    Reporter,
)


class Line:
    """A way to send reports, and the time; `failures` are how often it fails yet."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.failures = 0
        self.sent: list[tuple[dict[str, Any], Mapping[str, str]]] = []
        self.reporter = Reporter(self.send, lambda: self.now)

    def send(self, body: bytes, facts: Mapping[str, str]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no route to host")
        self.sent.append((json.loads(body), facts))

    @property
    def fractions(self) -> list[float]:
        return [body["fraction"] for body, _ in self.sent]


@pytest.fixture
def line() -> Line:
    return Line()


def test_what_there_is_nothing_to_say_of_is_left_out(line: Line) -> None:
    line.reporter.report_progress(0.5, "")
    line.now += SECONDS_BETWEEN_REPORTS
    line.reporter.report_progress(0.75, "nearly ünter way")
    only_result = Line()
    only_result.reporter.publish_result({"answer": 42})
    facts = [{name: text for name, text in facts.items() if name != "sequence"} for _, facts in line.sent]
    assert facts == [
        {"fraction": "0.5000"},
        {"fraction": "0.7500", "message": "nearly%20%C3%BCnter%20way"},
    ]
    assert set(only_result.sent[0][1]) == {"sequence", "result"}
    assert all(facts.values() for facts in (*facts, only_result.sent[0][1]))


def test_progress_is_sent_every_few_seconds_and_the_last_of_it_at_the_end(line: Line) -> None:
    for number in range(1, 101):
        line.now += SECONDS_BETWEEN_REPORTS / 10
        line.reporter.report_progress(number / 100, "")
    assert len(line.sent) == 10
    line.reporter.close()
    assert line.fractions[-1] == 1
    line.reporter.close()
    assert len(line.sent) == 11


def test_a_result_is_sent_at_once(line: Line) -> None:
    line.reporter.report_progress(0.5, "")
    line.reporter.publish_result({"answer": 42})
    assert [body["result"] for body, _ in line.sent] == [None, {"answer": 42}]


def test_after_a_failure_it_is_quiet_for_a_while(line: Line) -> None:
    line.failures = 1
    line.reporter.report_progress(0.1, "")
    line.now += SECONDS_AFTER_FAILURE - 1
    line.reporter.report_progress(0.2, "")
    assert line.sent == []
    line.now += 1
    line.reporter.report_progress(0.3, "")
    assert line.fractions == [0.3]
