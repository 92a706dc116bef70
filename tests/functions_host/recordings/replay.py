"""One scenario at work: its storage account, its hosts, and what was seen."""

import asyncio
import base64
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from tests.functions_host.recordings.host_process import FunctionEvent, HostProcess
from tests.functions_host.recordings.storage_proxy import StorageProxy, StorageRequest
from tests.functions_host.recordings.storage_state import storage_state
from tests.functions_host.recordings.transcript import Transcript

QUEUE = "queue1"
CONTAINER = "box1"


@dataclass
class Replay:
    """What a scenario's steps use: they fill storage, start and end hosts, wait, and measure."""

    recording: dict[str, Any]
    connection_string: str
    directory: Path
    start_gate: asyncio.Semaphore
    """Limits how many hosts start up at the same time, since that takes all of a processor."""
    queues: QueueServiceClient
    blobs: BlobServiceClient
    hosts: list[HostProcess] = field(default_factory=list)
    events: list[FunctionEvent] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What the steps found, under the names of the recording's `seen`."""
    times: dict[str, Any] = field(default_factory=dict)
    """What the steps measured, under the names of the recording's `times`."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of hosts that take the place of the recorded ones."""
    receipts: bool = False
    _message_names: dict[str, str] = field(default_factory=dict)

    # Storage

    async def create_queue(self, name: str = QUEUE) -> None:
        """Create a queue unless it exists."""
        with suppress(ResourceExistsError):
            await self.queues.create_queue(name)

    async def create_container(self, name: str = CONTAINER) -> None:
        """Create a container."""
        await self.blobs.create_container(name)

    async def send(self, text: str, *, queue: str = QUEUE, times: int = 1) -> None:
        """Send a text in base64, and create the queue if need be."""
        await self.send_content(base64.b64encode(text.encode()).decode(), queue=queue, times=times)

    async def send_content(self, content: str, *, queue: str = QUEUE, times: int = 1) -> None:
        """Send a message as it is, and create the queue if need be."""
        await self.create_queue(queue)
        for _ in range(times):
            sent = await self.queues.get_queue_client(queue).send_message(content)
            self._message_names[str(sent.id)] = f"m{len(self._message_names) + 1}"

    async def upload(self, name: str, text: str, *, container: str = CONTAINER, **more: Any) -> None:
        """Put a blob, in place of an older one."""
        client = self.blobs.get_blob_client(container, name)
        await client.upload_blob(text.encode(), overwrite=True, **more)

    async def upload_many(self, count: int, text: str) -> None:
        """Put blobs b000.json, b001.json and so on."""
        for number in range(count):
            await self.upload(f"b{number:03}.json", text)

    # Hosts

    async def start_host(self, name: str = "A", *, at_once: bool = False) -> HostProcess:
        """Start the recording's next host, and wait until it listens or has ended.

        A start `at_once` does not wait while other scenarios start hosts, for where the second matters.
        """
        number = len(self.hosts)
        recorded = {k: v for k, v in self.recording["options"][number].items() if k != "host"}
        host = HostProcess(
            name=name,
            options=recorded | self.options,
            connection_string=self.connection_string,
            directory=self.directory / f"host-{number}",
            proxy=StorageProxy(host=name, targets=self._azurite_ports()),
            events=self.events,
        )
        self.hosts.append(host)
        async with nullcontext() if at_once else self.start_gate:
            await host.start()
        return host

    def _azurite_ports(self) -> dict[str, int]:
        parts = dict(part.split("=", 1) for part in self.connection_string.strip(";").split(";"))
        return {s: urlsplit(parts[f"{s.capitalize()}Endpoint"]).port or 0 for s in ("blob", "queue")}

    # Waiting. What is waited for need not come: the comparison tells.

    async def until(self, condition: Callable[[], Any], patience: float = 60) -> bool:
        """Wait until a condition holds, and return whether it does."""
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        return True

    async def until_started(self, count: int = 1, patience: float = 60) -> bool:
        """Wait until functions have started this many times."""
        return await self.until(lambda: len(self.starts()) >= count, patience)

    async def until_ended(self, count: int = 1, patience: float = 60) -> bool:
        """Wait until functions have ended this many times."""
        return await self.until(lambda: len(self.ends()) >= count, patience)

    async def until_deleted(self, count: int = 1, *, queue: str = QUEUE, patience: float = 30) -> bool:
        """Wait until hosts have tried to delete this many messages."""

        def deleted() -> int:
            requests = (r for host in self.hosts for r in host.proxy.requests if r.method == "DELETE")
            return sum(r.path.startswith(f"{queue}/messages/") for r in requests)

        return await self.until(lambda: deleted() >= count, patience)

    # What was seen

    @property
    def requests(self) -> list[StorageRequest]:
        """All requests of all hosts, in order of time."""
        return sorted((r for host in self.hosts for r in host.proxy.requests), key=lambda r: r.at)

    def starts(self, function: str | None = None, *, host: str | None = None) -> list[FunctionEvent]:
        """The starts of functions so far."""
        return self._events("start", function, host)

    def ends(self, function: str | None = None) -> list[FunctionEvent]:
        """The ends of functions so far."""
        return self._events("end", function, None)

    def _events(self, event: str, function: str | None, host: str | None) -> list[FunctionEvent]:
        of_function = [e for e in self.events if e.event == event and function in (None, e.function)]
        return [e for e in of_function if host in (None, e.host)]

    def matching(self, method: str, path: str) -> list[StorageRequest]:
        """The requests so far with a method and a path, which is a regular expression."""
        return [r for r in self.requests if r.method == method and re.fullmatch(path, r.path)]

    def fetches(self, queue: str = QUEUE) -> list[StorageRequest]:
        """The fetches that got messages."""
        return [r for r in self.matching("GET", f"{queue}/messages") if r.received]

    def pauses(self, method: str, path: str, *, since: float = 0) -> list[float]:
        """The seconds between requests, of those after a moment."""
        moments = [r.at for r in self.matching(method, path) if r.at >= since]
        return [round(later - earlier, 2) for earlier, later in pairwise(moments)]

    def most_at_once(self) -> int:
        """How many runs there were at the same time, at most."""
        steps = {"start": 1, "end": -1}
        running = most = 0
        for event in sorted(self.events, key=lambda e: (e.at, e.event)):
            running += steps[event.event]
            most = max(most, running)
        return most

    async def result(self) -> dict[str, Any]:
        """Return what was seen, in the form of a recording, and end all hosts."""
        end = await storage_state(self.queues, self.blobs)
        crashed = [f"host {h.name}, exit code {h.exit_code}" for h in self.hosts if h.ended_by_itself]
        if crashed:
            self.facts["hostEndedByItself"] = crashed
        await self.close()
        transcript = Transcript(
            requests=self.requests,
            events=self.events,
            account=str(self.blobs.account_name),
            message_names=self._message_names,
            names_hosts=len({host.name for host in self.hosts}) > 1,
            receipts=self.receipts,
        )
        in_order = "timeline" in self.recording["seen"]
        lines = {"timeline": transcript.timeline()} if in_order else {"counts": transcript.counts()}
        seen = self.facts | lines | {"background": transcript.background(), "end": end}
        return {"seen": seen, "times": self.times}

    async def close(self) -> None:
        """End all hosts and close their proxies."""
        for host in self.hosts:
            if host.exit_code is None:
                await host.end(signal.SIGKILL)
            await host.proxy.stop()


@asynccontextmanager
async def replay_of(
    recording: dict[str, Any], connection_string: str, directory: Path, start_gate: asyncio.Semaphore
) -> AsyncIterator[Replay]:
    """Give a replay with an account of its own, and leave no process behind."""
    async with (
        BlobServiceClient.from_connection_string(connection_string) as blobs,
        QueueServiceClient.from_connection_string(connection_string) as queues,
    ):
        replay = Replay(recording, connection_string, directory, start_gate, queues, blobs)
        try:
            yield replay
        finally:
            await replay.close()


def load_recording(path: Path) -> dict[str, Any]:
    """Return a recording."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document
