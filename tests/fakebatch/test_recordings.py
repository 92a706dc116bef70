"""Replays exchanges that were recorded from Azure Batch and published with its client libraries.

The test compares the status, the significant headers, and the whole body with the order of its properties.
Only times, entity tags, ids of nodes and of requests, and the host may differ.
"""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from tests.fakebatch.driving import until
from tests.fakebatch.raw_http import Reply, request

_SESSIONS = json.loads((Path(__file__).parent / "recordings.json").read_text())
_VARIABLE = [
    (re.compile(r"https?://testaccount\.westus\.batch\.azure\.com|http://127\.0\.0\.1:\d+"), "<host>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z"), "<time>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "<date>"),
    (re.compile(r"0x8D[0-9A-F]{13}"), "<tag>"),
    (re.compile(r"tvmps_[0-9a-f]{64}_[dp]"), "<node>"),
    (re.compile(r"RequestId:[0-9a-f-]{36}"), "RequestId:<id>"),
]


def _normal(text: str) -> str:
    for expression, name in _VARIABLE:
        text = expression.sub(name, text)
    return text


async def _send(endpoint: str, exchange: dict[str, Any]) -> Reply:
    address = urlsplit(exchange["path"])
    query = {name: value for name, value in parse_qsl(address.query) if name != "api-version"}
    return await request(endpoint, exchange["method"], address.path, exchange.get("request"), query=query)


def _shown(headers: dict[str, str], body: Any) -> tuple[dict[str, str], str]:
    return {name: _normal(unquote(value)) for name, value in headers.items()}, _normal(json.dumps(body))


@pytest.mark.parametrize("session", _SESSIONS, ids=lambda session: str(session["name"]))
async def test_the_service_answers_as_recorded(endpoint: str, session: dict[str, Any]) -> None:
    for step in session["setup"]:
        assert (await _send(endpoint, step)).status == 201
    for exchange in session["exchanges"]:
        await until(partial(_has_settled, endpoint, exchange))
        reply = await _send(endpoint, exchange)
        assert reply.status == exchange["status"], reply.body
        headers = {name: reply.headers.get(name, "missing") for name in exchange["headers"]}
        body = json.loads(reply.body) if "body" in exchange and reply.body else None
        assert _shown(headers, body) == _shown(exchange["headers"], exchange.get("body"))
        stamped = {name for name in ("ETag", "DataServiceId", "Location") if name in reply.headers}
        assert {name.lower() for name in stamped} <= set(exchange["headers"])


async def _has_settled(endpoint: str, exchange: dict[str, Any]) -> bool:
    """Whether the tasks that a recorded answer shows completed are so here."""
    shown = exchange.get("body")
    if not isinstance(shown, dict) or exchange["method"] != "GET":
        return True
    found = (await _send(endpoint, exchange)).json
    return all(found.get(name) == shown.get(name) for name in ("taskCounts", "state"))
