"""The replay itself: it sees what differs, and holds the list of differences to the truth."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.functions_host.exchanges.comparison import differences
from tests.functions_host.exchanges.known import assert_as_listed, known_differences
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


def test_a_listed_difference_that_is_no_more_fails() -> None:
    name, parts = next(iter(known_differences("exchanges").items()))
    with pytest.raises(AssertionError, match="is now the same"):
        assert_as_listed("exchanges", name, parts[1:], None)


def test_a_difference_by_chance_may_be_there_or_not() -> None:
    listed = known_differences("sequences")["storage-lost-10"]
    assert all(part.endswith(" ?") for part in listed)
    assert_as_listed("sequences", "storage-lost-10", [], None)
    assert_as_listed("sequences", "storage-lost-10", [listed[0].removesuffix(" ?")], None)
