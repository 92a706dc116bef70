"""The replay itself: it sees what differs, and holds the list of differences to the truth."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.functions_host.exchanges.comparison import differences
from tests.functions_host.exchanges.known import assert_as_listed, unlisted_and_gone
from tests.functions_host.exchanges.wire import Answer

RECORDED: Mapping[str, Any] = {
    "status": 200,
    "reason": "OK",
    "headers": [["Server", "Kestrel"], ["X-Port", "<port>"], ["Content-Length", "<varies>"]],
    "json": {"a": 1, "when": "<date>"},
}
ANSWER = Answer(
    status=200,
    reason="OK",
    headers=(("x-port", "80"), ("Content-Length", "9"), ("Date", "today"), ("Server", "other")),
    body=b'{"when": 5, "a": 1}',
    complete=True,
    open=False,
)


def _differences(answer: Answer | None) -> list[str]:
    return differences(RECORDED, answer, {"port": "80"}, ("server",))


def test_an_answer_that_is_the_same_but_for_placeholders() -> None:
    assert _differences(ANSWER) == []


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (replace(ANSWER, status=404, reason="Not Found"), ["status", "reason"]),
        (replace(ANSWER, body=b'{"a": 2, "b": 1, "when": 5}'), ["json/a", "json/b"]),
        (replace(ANSWER, body=b"a"), ["body"]),
        (replace(ANSWER, open=True, complete=False), ["connection", "complete"]),
        (replace(ANSWER, headers=(("X-Port", "81"), ("X-New", ""))), ["header x-new", "header x-port"]),
        (None, ["no answer"]),
    ],
)
def test_an_answer_that_differs(answer: Answer | None, parts: list[str]) -> None:
    assert _differences(answer) == parts


def test_a_difference_that_is_not_listed_fails() -> None:
    with pytest.raises(AssertionError, match="differs from the recording"):
        assert_as_listed("exchanges", "method-GET", ["status"], None)


@pytest.mark.parametrize(
    ("listed", "found", "unlisted", "gone"),
    [
        ([], [], [], []),
        (["status"], ["status"], [], []),
        (["status"], ["status", "body"], ["body"], []),
        (["status", "body"], ["status"], [], ["body"]),
        (["outputs ?"], [], [], []),
        (["outputs ?"], ["outputs"], [], []),
    ],
)
def test_what_is_listed_is_held_to_what_differs(
    listed: list[str], found: list[str], unlisted: list[str], gone: list[str]
) -> None:
    assert unlisted_and_gone(listed, found) == (unlisted, gone)
