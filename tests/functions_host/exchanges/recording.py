"""The recorded exchanges: requests to Microsoft's Functions host, and what it answered."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"

_REPEAT = re.compile(r"<repeat:(.):(\d+)>")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as bytes."""

    method: str
    head: bytes
    """The request line and the headers, with the empty line at their end."""
    body: bytes
    """What follows on the wire; chunk lines included."""
    expects_interim: bool
    """Whether the body is held back until the host answers the head (`Expect`)."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One recorded request with its answer, in which placeholders stand for what differs between machines."""

    name: str
    what: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]


@cache
def exchanges() -> Mapping[str, Exchange]:
    """Return the exchanges by name, in the order in which they were recorded."""
    document = json.loads((RECORDINGS / "http.json").read_text())
    return {
        entry["name"]: Exchange(
            name=entry["name"], what=entry["what"], request=entry["request"], response=entry["response"]
        )
        for entry in document["exchanges"]
    }


@cache
def facts() -> Mapping[str, Any]:
    """Return the values of the recorded facts about concurrency by name."""
    document = json.loads((RECORDINGS / "http.json").read_text())
    return {fact["name"]: fact["value"] for fact in document["facts"]}


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One recorded start, stop, fault or loss."""

    name: str
    what: str
    observed: Mapping[str, Any]


@cache
def sequences() -> Mapping[str, Sequence]:
    """Return the sequences by name."""
    document = json.loads((RECORDINGS / "lifecycle.json").read_text())
    return {
        entry["name"]: Sequence(name=entry["name"], what=entry["what"], observed=entry["observed"])
        for entry in document["sequences"]
    }


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """Replace placeholders such as `<port>` and `<repeat:a:9000>` in every text of a JSON value."""
    if isinstance(value, list):
        return [fill(item, values) for item in value]
    if isinstance(value, dict):
        return {name: fill(item, values) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    for name, text in values.items():
        value = value.replace(f"<{name}>", text)
    return _REPEAT.sub(lambda match: match[1] * int(match[2]), value)


def encode(recorded: Mapping[str, Any], values: Mapping[str, str]) -> Request:
    """Return the bytes of a recorded request."""
    body = fill(recorded.get("body", ""), values).encode()
    if "body_base64" in recorded:
        body = base64.b64decode(recorded["body_base64"])
    filled = fill(recorded, {**values, "length": str(len(body))})
    lines = [f"{filled['method']} {filled['target']} {filled.get('version', 'HTTP/1.1')}"]
    lines += [f"{name}: {value}" for name, value in filled["headers"]]
    raw = base64.b64decode(filled.get("raw_headers_base64", "")) or filled.get("raw_headers", "").encode()
    return Request(
        method=filled["method"],
        head="".join(f"{line}\r\n" for line in lines).encode() + raw + b"\r\n",
        body=body,
        expects_interim=any(name == "Expect" for name, _ in filled["headers"]),
    )
