"""The receiver of all callbacks of a storm. It treats the first calls of a job as the plan says."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.storm.secrets import OF_CALLBACKS

WEBHOOK_OF = "webhook-of."
"""What the name of a webhook's receiver begins with. The id of its job, which has no dot, follows."""

_LATE_S = 3
_HANGS_S = 40
"""Longer than batchmgr waits for an answer."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One received call. `is_accepted`: the answer was 200, whether or not it arrived."""

    job_id: str
    webhook_id: str
    body: bytes
    at: float
    is_accepted: bool


@dataclass
class CallbackReceiver:
    """The calls that were received, and how the next ones are treated.

    `500`, `503`, `302`: that answer. `cut`: no answer. `hang`: no answer, and the connection stays open.
    `late`: accepted after some seconds. `lost`: accepted, but the answer does not arrive. A job without any
    treatment left has its calls accepted at once.
    """

    address: str
    treatments: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def uri(self, job_id: str, treatments: Sequence[str]) -> str:
        """Return the address for a job, whose first calls are treated like this."""
        self.treatments[job_id] = list(treatments)
        return f"{self.address}/{job_id}/{OF_CALLBACKS}?token={OF_CALLBACKS}"

    def accepted(self, job_id: str) -> list[Call]:
        """Return the calls of a job that were accepted."""
        return [call for call in self.calls if call.job_id == job_id and call.is_accepted]

    async def receive(self, request: web.Request) -> web.Response:
        """Receive one call."""
        job_id = request.match_info["job"]
        left = self.treatments.get(job_id, [])
        treatment = left.pop(0) if left else "accept"
        call = Call(
            job_id=job_id,
            webhook_id=request.headers.get("webhook-id", ""),
            body=await request.read(),
            at=time.time(),
            is_accepted=treatment in {"accept", "late", "lost"},
        )
        self.calls.append(call)
        said = f"Cannot POST {request.rel_url}"  # as receivers do, although it is a secret
        match treatment:
            case "late":
                await asyncio.sleep(_LATE_S)
            case "hang":
                await asyncio.sleep(_HANGS_S)
            case "503":
                return web.Response(status=503, headers={"Retry-After": "7"}, text=said)
            case "302":
                elsewhere = f"{self.address}/elsewhere{request.rel_url}"
                return web.Response(status=302, headers={"Location": elsewhere}, text=said)
            case "500":
                return web.Response(status=500, text=said)
        if treatment in {"cut", "lost", "hang"} and request.transport is not None:
            request.transport.abort()
        return web.Response()


@asynccontextmanager
async def receiving() -> AsyncIterator[CallbackReceiver]:
    """Start the receiver on a free port."""
    receiver = CallbackReceiver(address="")
    app = web.Application()
    app.router.add_post("/{job}/{secret}", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
