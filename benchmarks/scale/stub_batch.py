"""A service that answers like Azure Batch and keeps nothing: what is measured against it is the client alone.

    python -m benchmarks.scale.stub_batch --latency-ms 150

prints its address. Every answer is sent after the latency. `GET /stub` returns how many requests and tasks
have come. A pool exists whatever its name, and all tasks of a job are running.
"""

import argparse
import asyncio
import re
import sys
from functools import partial

import msgspec

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class _Task(msgspec.Struct):
    id: str


class _Collection(msgspec.Struct):
    value: list[_Task]


_DECODE = msgspec.json.Decoder(_Collection).decode


class StubBatch(asyncio.Protocol):
    """One connection. Requests of one connection are answered in their order."""

    requests = 0
    tasks = 0

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
            answer = self._answer(head.split(b"\r\n", 1)[0], body)
            asyncio.get_running_loop().call_later(self._latency, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, line: bytes, body: bytes) -> bytes:
        if b" /stub " in line:
            counts = {"requests": StubBatch.requests, "tasks": StubBatch.tasks}
            return _response(200, msgspec.json.encode(counts))
        StubBatch.requests += 1
        if b"/addtaskcollection" in line:
            added = _DECODE(body).value
            StubBatch.tasks += len(added)
            results = [{"status": "success", "taskId": task.id, "eTag": "0x1"} for task in added]
            return _response(200, msgspec.json.encode({"value": results}))
        if b"/taskcounts" in line:
            counts = {"active": 0, "running": 1, "completed": 0, "succeeded": 0, "failed": 0}
            return _response(200, msgspec.json.encode({"taskCounts": counts, "taskSlotCounts": counts}))
        if line.startswith(b"POST"):
            return _response(201, b"")
        return _response(200, b'{"id":"stub","state":"active"}')


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
