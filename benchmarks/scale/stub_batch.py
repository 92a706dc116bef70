"""A service that answers like Azure Batch and keeps nearly nothing: what is measured is the client alone.

    python -m benchmarks.scale.stub_batch --latency-ms 150

prints its address. Every answer is sent after the latency. A pool exists whatever its name, and all tasks of
a job are running, unless somebody has said which have completed:

- `POST /stub/jobs/{id}` with `{"total": 100000, "completed": 10000, "since": …, "until": …}` has so many
  tasks complete, evenly between two times. The list of tasks takes `stateTransitionTime ge` as its filter.
- `GET /stub` returns how many requests and tasks have come, and how many requests of each kind.
- `GET /stub/polls` returns how often the task counts of each job were asked for, and when for the first and
  the last time, in seconds.
- `DELETE /stub` forgets all of these numbers.
"""

import argparse
import asyncio
import re
import sys
import time
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

PAGE = 1000
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost: *([^\r\n]+)", re.IGNORECASE)
_SINCE = re.compile(r"stateTransitionTime ge DateTime'([^']+)'")
_END = b"\r\n\r\n"


class _Task(msgspec.Struct):
    id: str


class _Collection(msgspec.Struct):
    value: list[_Task]


class Change(msgspec.Struct):
    """Tasks of a job complete: how many, and between which times. The job has `total` tasks."""

    total: int
    completed: int
    since: datetime
    until: datetime


class Polls(msgspec.Struct):
    """How often each job was polled, and when the first and the last of them, by a clock of this machine."""

    jobs: dict[str, int]
    first: float
    last: float


class _Job:
    """The tasks of a job that have completed, by the times at which they have."""

    def __init__(self) -> None:
        self.total = 1
        self.completed: list[str] = []

    def change(self, change: Change) -> None:
        self.total = change.total
        begin, span = change.since.timestamp(), (change.until - change.since).total_seconds()
        for number in range(change.completed):
            moment = datetime.fromtimestamp(begin + span * number / change.completed, UTC)
            self.completed.append(moment.strftime(MOMENT))

    def counts(self) -> bytes:
        done = len(self.completed)
        counts = {"active": 0, "running": self.total - done, "completed": done, "succeeded": done}
        counts["failed"] = 0
        return msgspec.json.encode({"taskCounts": counts, "taskSlotCounts": counts})

    def page(self, query: str, path: str, host: str) -> bytes:
        options = parse_qs(query)
        found = _SINCE.search(options.get("$filter", [""])[0])
        start = bisect_left(self.completed, found[1]) if found else 0
        start = int(options.get("$skiptoken", [str(start)])[0])
        end = min(start + PAGE, len(self.completed))
        body: dict[str, object] = {
            "value": [_task(number, self.completed[number]) for number in range(start, end)]
        }
        if end < len(self.completed):
            body["odata.nextLink"] = f"http://{host}{path}?api-version=2025-06-01&$skiptoken={end}"
        return msgspec.json.encode(body)


def _task(number: int, moment: str) -> dict[str, object]:
    """Return a task that has succeeded, with the properties that batchmgr selects."""
    return {
        "id": str(number + 1),
        "displayName": f"x={number // 10} y=v{number % 10}",
        "state": "completed",
        "stateTransitionTime": moment,
        "executionInfo": {
            "startTime": moment,
            "endTime": moment,
            "exitCode": 0,
            "result": "success",
            "retryCount": 0,
            "requeueCount": 0,
        },
        "nodeInfo": {"nodeId": f"tvmps_{number % 100:064x}_d"},
    }


class _Numbers:
    """What is known of the requests that have come."""

    def __init__(self) -> None:
        self.requests = 0
        self.tasks = 0
        self.kinds: Counter[str] = Counter()
        self.polls: Counter[str] = Counter()
        self.first = self.last = 0.0

    def polled(self, job: str) -> None:
        self.polls[job] += 1
        self.last = time.monotonic()
        self.first = self.first or self.last


class StubBatch(asyncio.Protocol):
    """One connection. Requests of one connection are answered in their order."""

    numbers = _Numbers()
    jobs: dict[str, _Job] = {}  # noqa: RUF012  # shared by all connections

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole now."""
        self._received += data
        while (end := self._received.find(_END)) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            size = end + len(_END) + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            body = bytes(self._received[end + len(_END) : size])
            del self._received[:size]
            method, target = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
            if target.startswith("/stub"):
                self._send(self._told(method, target, body))
                continue
            answer = self._answer(method, target, head, body)
            asyncio.get_running_loop().call_later(self._latency, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _told(self, method: str, target: str, body: bytes) -> bytes:
        """Answer who measures."""
        numbers = StubBatch.numbers
        if method == "DELETE":
            StubBatch.numbers = _Numbers()
            return _response(200, b"{}")
        if method == "POST":
            job = StubBatch.jobs.setdefault(target.rpartition("/")[2], _Job())
            job.change(msgspec.json.decode(body, type=Change))
            return _response(200, b"{}")
        if target == "/stub/polls":
            polls = Polls(dict(numbers.polls), numbers.first, numbers.last)
            return _response(200, msgspec.json.encode(polls))
        counts = {"requests": numbers.requests, "tasks": numbers.tasks, "kinds": numbers.kinds}
        return _response(200, msgspec.json.encode(counts))

    def _answer(self, method: str, target: str, head: bytes, body: bytes) -> bytes:
        """Answer as Azure Batch would."""
        numbers, url = StubBatch.numbers, urlsplit(target)
        parts = url.path.strip("/").split("/")
        # Names and ids take turns, as in /jobs/{id}/tasks/{id}.
        names = "/".join(part if place % 2 == 0 else "{}" for place, part in enumerate(parts))
        numbers.kinds[f"{method} /{names}"] += 1
        numbers.requests += 1
        what = parts[2] if len(parts) > 2 else ""
        job = StubBatch.jobs.get(unquote(parts[1]), _Job()) if what else _Job()
        if what == "addtaskcollection":
            added = _DECODE(body).value
            numbers.tasks += len(added)
            results = [{"status": "success", "taskId": task.id, "eTag": "0x1"} for task in added]
            return _response(200, msgspec.json.encode({"value": results}))
        if what == "taskcounts":
            numbers.polled(unquote(parts[1]))
            return _response(200, job.counts())
        if what == "tasks" and len(parts) == 3:
            host = _HOST.search(head)
            return _response(200, job.page(url.query, url.path, host[1].decode() if host else ""))
        if method == "POST":
            return _response(201, b"")
        return _response(200, b'{"id":"stub","state":"active"}')


_DECODE = msgspec.json.Decoder(_Collection).decode


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(latency: float) -> None:
    """Serve on a free port, and print the address."""
    server = await asyncio.get_running_loop().create_server(partial(StubBatch, latency), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A service that answers like Azure Batch and keeps nothing.")
    parser.add_argument("--latency-ms", type=float, default=0, help="how late every answer comes")
    asyncio.run(serve(parser.parse_args().latency_ms / 1000))
