"""Where an answer differs from the recorded one, as a list of names of its parts.

A part is `status`, `reason`, `header NAME`, `body`, `json/PATH` (a JSON pointer), `connection`, `interim`,
`complete`, or `no answer`.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.functions_host.exchanges.recording import fill
from tests.functions_host.exchanges.wire import Answer

ANYTHING = ("<varies>", "<id>", "<date>", "<bundle-version>")
"""Placeholders that stand for any value."""

UNRECORDED_HEADERS = ("date",)
"""Headers that the recordings leave out."""


def differences(
    recorded: Mapping[str, Any], answer: Answer | None, values: Mapping[str, str], ignored: tuple[str, ...]
) -> list[str]:
    """Return the parts that differ, in a fixed order; `ignored` are names of headers in lower case."""
    if answer is None:
        return ["no answer"]
    expected = fill(recorded, values)
    parts = {
        "status": expected["status"] == answer.status,
        "reason": expected["reason"] == answer.reason,
        "connection": (expected.get("connection") == "open") == answer.open,
        "interim": tuple(expected.get("interim", ())) == answer.interim,
        "complete": expected.get("complete", True) == answer.complete,
    }
    return [
        *(name for name, same in parts.items() if not same),
        *_headers(expected["headers"], answer, (*UNRECORDED_HEADERS, *ignored)),
        *_body(expected, answer.body),
    ]


def _headers(expected: list[list[str]], answer: Answer, ignored: tuple[str, ...]) -> Iterator[str]:
    theirs = _by_name((name, value) for name, value in expected)
    ours = _by_name(iter(answer.headers))
    for name in sorted(theirs.keys() | ours.keys()):
        if name in ignored or "<varies>" in theirs.get(name, ()):
            continue
        if theirs.get(name) != ours.get(name):
            yield f"header {name}"


def _by_name(headers: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value)
    return values


def _body(expected: Mapping[str, Any], body: bytes) -> Iterator[str]:
    if "json" in expected or "json_names" in expected:
        yield from _json_body(expected, body)
    elif "body_length" in expected:
        if len(body) != expected["body_length"]:
            yield "body"
    elif body != _bytes_of(expected):
        yield "body"


def _bytes_of(expected: Mapping[str, Any]) -> bytes:
    if "body_base64" in expected:
        return base64.b64decode(expected["body_base64"])
    text: str = expected["body"]
    return text.encode()


def _json_body(expected: Mapping[str, Any], body: bytes) -> Iterator[str]:
    try:
        value = json.loads(body)
    except ValueError:
        yield "body"
        return
    if "json_names" in expected:
        if not isinstance(value, list) or [item.get("name") for item in value] != expected["json_names"]:
            yield "json/names"
        return
    yield from _json_differences(expected["json"], value, "json")


def _json_differences(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if theirs in ANYTHING:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            if name in theirs and name in ours:
                yield from _json_differences(theirs[name], ours[name], f"{path}/{name}")
            else:
                yield f"{path}/{name}"
    elif theirs != ours:
        yield path
