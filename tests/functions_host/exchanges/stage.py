"""What the sequences are played with: an app that may be changed, a storage account, background calls."""

import base64
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from tests.functions_host.exchanges.host_process import (
    APP,
    HostProcess,
    free_port,
    host_process,
    settings,
    wait_until,
)
from tests.functions_host.exchanges.wire import Answer, NoAnswerError, get

LONG = "00:10:00"
"""A function timeout that no work here reaches."""

NOTHING_SECONDS = 0.6
"""How long a message that nobody may take is watched. A host that listens would take it when it starts."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A GET in the background."""

    result: "Future[tuple[Answer | None, float]]"

    @property
    def status(self) -> int | None:
        """The status of the answer, once there is one; None where the connection broke."""
        answer, _ = self.result.result()
        return answer.status if answer else None

    @property
    def ended(self) -> float:
        """When the answer was there, or the connection broke."""
        return self.result.result()[1]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A copy of the app of the recordings, and a storage account of its own."""

    directory: Path
    connection_string: str
    pool: ThreadPoolExecutor
    settings: dict[str, str] = field(default_factory=dict)
    """Settings beside those of the recordings."""

    @property
    def app(self) -> Path:
        """The folder of the app."""
        return self.directory / "app"

    def edit_host_json(self, **sections: Any) -> None:
        """Set properties of host.json; those of `queues` are merged into its section."""
        path = self.app / "host.json"
        document = json.loads(path.read_text())
        document["extensions"]["queues"] |= sections.pop("queues", {})
        path.write_text(json.dumps(document | sections))

    @contextmanager
    def host(self, port: int | None = None) -> Iterator[HostProcess]:
        """Run the app on a host, without waiting for it."""
        number = port or free_port()
        environment = settings(
            self.connection_string, number, RUN_LOG=str(self.directory / "runs"), **self.settings
        )
        with host_process(self.app, number, self.directory / "log", environment) as host:
            yield host

    def call(self, host: HostProcess, path: str) -> Call:
        """Send a GET in the background."""
        return Call(result=self.pool.submit(_timed_get, host.port, path))

    def runs(self, event: str, text: str | None = None) -> list[Mapping[str, Any]]:
        """Return the lines of the run log with this event, and this text where one is given."""
        path = self.directory / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        runs = [json.loads(line) for line in lines]
        return [run for run in runs if run["event"] == event and text in (None, run.get("text"))]

    def until_run(
        self, event: str, text: str | None = None, *, seconds: float = 20, count: int = 1
    ) -> float | None:
        """Wait for the run number `count` of this kind; return its time, or None where it does not come."""
        wait_until(lambda: len(self.runs(event, text)) >= count, seconds)
        runs = self.runs(event, text)
        return runs[count - 1]["time"] if len(runs) >= count else None

    def begin(self, text: str) -> float:
        """Send a message, and wait until its function runs; return when it began."""
        self.send(text)
        began = self.until_run("start", text)
        assert began is not None
        return began

    def send(self, text: str) -> None:
        """Send a message to the queue of the app."""
        with self._queue("rec-in") as queue:
            with suppress(ResourceExistsError):
                queue.create_queue()
            queue.send_message(base64.b64encode(text.encode()).decode())

    def messages(self, queue: str) -> tuple[int, int]:
        """Return how many messages a queue holds, and how many of them are visible."""
        with self._queue(queue) as client:
            try:
                held = client.get_queue_properties().approximate_message_count or 0
                return held, len(client.peek_messages(32))
            except ResourceNotFoundError:
                return 0, 0

    def upload(self, name: str) -> None:
        """Put a blob into the container that the app scans."""
        with BlobServiceClient.from_connection_string(self.connection_string) as blobs:
            blobs.get_blob_client("rec-blobs", name).upload_blob(b"x", overwrite=True)

    def create_containers(self) -> None:
        """Create the containers that the app listens to."""
        with BlobServiceClient.from_connection_string(self.connection_string) as blobs:
            for container in ("rec-blobs", "rec-events"):
                blobs.create_container(container)

    def _queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(self.connection_string, name)


@contextmanager
def make_stage(directory: Path, connection_string: str) -> Iterator[Stage]:
    """Set a stage up in an empty directory."""
    shutil.copytree(APP, directory / "app", ignore=shutil.ignore_patterns("__pycache__"))
    with ThreadPoolExecutor(8) as pool:
        yield Stage(directory=directory, connection_string=connection_string, pool=pool)


def _timed_get(port: int, path: str) -> tuple[Answer | None, float]:
    try:
        answer: Answer | None = get(port, path)
    except NoAnswerError:
        answer = None
    return answer, time.time()


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Collects where a sequence differs from the recorded one."""

    start: float
    """The time of the stimulus that the recorded times count from."""
    found: list[str] = field(default_factory=list)
    """The names of the parts that differ."""
    seen: dict[str, object] = field(default_factory=dict)
    """What was seen of each part."""

    def same(self, part: str, recorded: object, seen: object) -> None:
        """Compare a value."""
        self.seen[part] = seen
        if seen != recorded:
            self.found.append(part)

    def at(self, part: str, recorded: tuple[float, float], moment: float | None) -> None:
        """Compare a time; a second too early and three too late pass, for the sake of busy machines."""
        seconds = None if moment is None else round(moment - self.start, 1)
        self.seen[part] = seconds
        if seconds is None or not recorded[0] - 1 <= seconds <= recorded[1] + 3:
            self.found.append(part)
