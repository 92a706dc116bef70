"""Replays whole sessions that were recorded from Azure Batch and published with its client libraries.

For each response the test compares the status, the significant headers, and the body with the order of its
properties. Times, entity tags, the ids of nodes, requests and auto pools, and the host may differ. Any other
difference fails the test, unless it is listed with its reason in `differences`.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fakebatch.server import Options, serving
from fakebatch.wire.api_versions import VERSIONS
from tests.fakebatch.differences import KNOWN, Known
from tests.fakebatch.raw_http import Reply, request

_SESSIONS = sorted((Path(__file__).parent / "recorded").glob("*.json"))
_PATIENCE_S = 10
_NODE = re.compile(r"tvmps_[0-9a-f]{64}_[dp]")
_VARIABLE = [
    (re.compile(r"https?://testaccount\.westus\.batch\.azure\.com|http://127\.0\.0\.1:\d+"), "<host>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z"), "<time>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "<date>"),
    (re.compile(r"0x8D[0-9A-F]{13}"), "<tag>"),
    (_NODE, "<node>"),
    (re.compile(r"RequestId:[0-9a-f-]{36}"), "RequestId:<id>"),
    (re.compile(r"(TestSpecPrefix_)?[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"), "<auto pool>"),
    (re.compile(r"\$skiptoken=.*"), "$skiptoken=<token>"),
    (re.compile(r"api-version=[\d.-]+"), "api-version=<version>"),
]


class _Session:
    """A session that is being replayed. The recorded ids of nodes are mapped to those of the fake Batch."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._nodes: dict[str, str] = {}

    async def send(self, exchange: dict[str, Any]) -> Reply:
        address = urlsplit(exchange["path"])
        query = dict(parse_qsl(address.query))
        # The API versions of old recordings are no longer accepted. The oldest accepted one has all they use.
        version = query.get("api-version")
        query["api-version"] = version if version in VERSIONS else VERSIONS[0]
        path = await self._with_nodes(address.path, address.path)
        body = exchange.get("request")
        if body is not None:
            body = json.loads(await self._with_nodes(json.dumps(body), address.path))
        return await request(
            self._endpoint,
            exchange["method"],
            path,
            body,
            query=query,
            headers=exchange.get("conditions"),
        )

    async def _with_nodes(self, text: str, path: str) -> str:
        for recorded in _NODE.findall(text):
            if recorded not in self._nodes:
                self._nodes[recorded] = await self._free_node(path.split("/")[2])
            text = text.replace(recorded, self._nodes[recorded])
        return text

    async def _free_node(self, pool_id: str) -> str:
        nodes = (await request(self._endpoint, "GET", f"/pools/{pool_id}/nodes")).json["value"]
        return next(str(node["id"]) for node in nodes if node["id"] not in self._nodes.values())


def _normal(shown: Any) -> str:
    text: str = unquote(shown if isinstance(shown, str) else json.dumps(shown))
    for expression, name in _VARIABLE:
        text = expression.sub(name, text)
    return text


def _compare(recorded: Any, local: Any, place: str) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(local, dict):
        yield from (f"{place}/{name} missing" for name in recorded if name not in local)
        yield from (f"{place}/{name} added" for name in local if name not in recorded)
        shared = [name for name in recorded if name in local]
        if shared != [name for name in local if name in recorded]:
            yield f"{place} moved"
        for name in shared:
            yield from _compare(recorded[name], local[name], f"{place}/{name}")
    elif isinstance(recorded, list) and isinstance(local, list):
        if len(recorded) != len(local):
            yield f"{place} changed: {len(recorded)} -> {len(local)} items"
        for index, pair in enumerate(zip(recorded, local, strict=False)):
            yield from _compare(*pair, f"{place}[{index}]")
    elif _normal(recorded) != _normal(local):
        yield f"{place} changed: {_normal(recorded)} -> {_normal(local)}"


def _differences(exchange: dict[str, Any], reply: Reply) -> Iterator[str]:
    if reply.status != exchange["status"]:
        yield f"status changed: {exchange['status']} -> {reply.status} {_normal(reply.body.decode())}"
        return
    recorded = exchange["headers"]
    meant = {*recorded, "etag", "last-modified", "dataserviceid", "location"}
    local = {name.lower(): shown for name, shown in reply.headers.items() if name.lower() in meant}
    if "content-type" not in recorded or not reply.body:
        recorded = {name: shown for name, shown in recorded.items() if name != "content-type"}
        local.pop("content-type", None)
    # Headers have no order.
    yield from _compare(dict(sorted(recorded.items())), dict(sorted(local.items())), "headers")
    if "body" in exchange:
        body = exchange["body"]
        yield from _compare(body, reply.body.decode() if isinstance(body, str) else reply.json, "body")


def _sort(found: list[str]) -> tuple[list[str], set[Known]]:
    """Return the unknown differences, and the reasons for the known ones."""
    seen = {known for known in KNOWN if any(known.covers(difference) for difference in found)}
    return [difference for difference in found if not any(known.covers(difference) for known in seen)], seen


async def _replay_exchange(
    session: _Session, name: str, exchange: dict[str, Any]
) -> tuple[list[str], set[Known]]:
    """Return the unknown and the known differences of an exchange.

    A GET or HEAD is repeated until there are no unknown differences, or for at most _PATIENCE_S.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        reply = await session.send(exchange)
        unknown, seen = _sort([f"{name} {difference}" for difference in _differences(exchange, reply)])
        if not unknown or exchange["method"] not in ("GET", "HEAD") or time.monotonic() > deadline:
            return unknown, seen
        await asyncio.sleep(0.05)


async def _replay(path: Path, root: Path) -> tuple[list[str], set[Known]]:
    recorded = _read(path)
    unknown: list[str] = []
    seen: set[Known] = set()
    async with serving(Options(root=root / path.stem)) as endpoint:
        session = _Session(endpoint)
        for step in recorded["setup"]:
            assert (await session.send(step)).status in (201, 202)
            await _until_state(endpoint, step)
        for number, exchange in enumerate(recorded["exchanges"]):
            found = await _replay_exchange(session, f"{path.stem} {number}", exchange)
            unknown += found[0]
            seen |= found[1]
    return unknown, seen


async def test_sessions_go_as_recorded_but_for_what_is_known_to_differ(tmp_path: Path) -> None:
    unknown: list[str] = []
    seen: set[Known] = set()
    for path in _SESSIONS:
        found = await _replay(path, tmp_path)
        unknown += found[0]
        seen |= found[1]
    assert not unknown, "\n".join(unknown)
    assert not [known for known in KNOWN if known not in seen]


def _read(path: Path) -> dict[str, Any]:
    session: dict[str, Any] = json.loads(path.read_text())
    return session


async def _until_state(endpoint: str, step: dict[str, Any]) -> None:
    """Wait for the state that a step of the preparation names, or for the nodes of its pool."""
    address, deadline = f"{step['path']}/{step.get('request', {}).get('id')}", time.monotonic() + _PATIENCE_S
    wanted = {"state": step["until"]} if "until" in step else {}
    if step["path"] == "/pools":
        wanted = {"allocationState": "steady"}
    while wanted:
        shown = (await request(endpoint, "GET", address)).json
        if all(shown.get(name) == value for name, value in wanted.items()):
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
