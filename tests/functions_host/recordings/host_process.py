"""The embedded host in a process of its own, with the functions of the recorded host and their options."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.functions_host.recordings.storage_proxy import StorageProxy

_APP = Path(__file__).parent / "app"
_EMULATORS = Path(__file__).parents[3] / "emulators"

# Options of a recording, as sections and properties of host.json.
_HOST_JSON = {
    "batch-size": ("queues", "batchSize"),
    "new-batch-threshold": ("queues", "newBatchThreshold"),
    "max-dequeue-count": ("queues", "maxDequeueCount"),
    "visibility-timeout": ("queues", "visibilityTimeout"),
    "max-polling-interval": ("queues", "maxPollingInterval"),
    "encoding": ("queues", "messageEncoding"),
    "blob-parallelism": ("blobs", "maxDegreeOfParallelism"),
    "poison-blob-threshold": ("blobs", "poisonBlobThreshold"),
}
# Options of a recording, as environment variables of the app.
_ENVIRONMENT = {
    "queue": "RECORDED_QUEUE",
    "out-queue": "RECORDED_OUT",
    "poison": "RECORDED_POISON",
    "container": "RECORDED_CONTAINER",
    "timer1": "RECORDED_TIMER1",
    "timer2": "RECORDED_TIMER2",
    "timer3": "RECORDED_TIMER3",
    "timer-steps": "RECORDED_STEPS",
    "environment": "AZURE_FUNCTIONS_ENVIRONMENT",
    "time-zone": "TZ",
}
_DEFAULTS = {"out-queue": "queue1-out", "timer-steps": "ok", "environment": "Production"}


@dataclass(frozen=True, kw_only=True)
class FunctionEvent:
    """The start or the end of a function, as the function printed it."""

    host: str
    event: str
    """`start` or `end`."""
    at: float
    function: str
    fields: dict[str, Any]


@dataclass
class HostProcess:
    """One process of the embedded host."""

    name: str
    options: dict[str, str]
    connection_string: str
    """Azurite's, without a proxy."""
    directory: Path
    """Empty, for the app and the host's log."""
    proxy: StorageProxy
    events: list[FunctionEvent]
    """Where the events of its functions are added."""
    stopped: bool = False
    """Whether the scenario has ended it."""
    started_at: float = 0.0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start the process and wait until its listeners are up, or until it has ended."""
        await self.proxy.start()
        shutil.copytree(_APP, self.directory)
        (self.directory / "host.json").write_text(json.dumps(self._host_json()))
        command = [sys.executable, "-m", "functions_host", "--script-root", str(self.directory)]
        with (self.directory / "host.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--port",
                "0",
                "--json",
                env=self._environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self._reader = asyncio.create_task(self._read())
        async with asyncio.timeout(30):
            await self.ready.wait()

    @property
    def exit_code(self) -> int | None:
        """The exit code of the process, or None while it runs."""
        return self._process.returncode

    @property
    def ended_by_itself(self) -> bool:
        """Whether the process has ended without being asked to."""
        return self.exit_code is not None and not self.stopped

    async def end(self, number: signal.Signals, patience: float = 90) -> float:
        """Send a signal, wait for the end, and return the seconds it took."""
        begun, self.stopped = time.monotonic(), True
        if self.exit_code is None:
            self._process.send_signal(number)
        async with asyncio.timeout(patience):
            await self._reader
        return time.monotonic() - begun

    async def _read(self) -> None:
        """Take what the process prints: its own line once it is ready, and the events of its functions."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            document = json.loads(line)
            if "functions" in document:
                self.started_at = time.time()
                self.ready.set()
            else:
                self.events.append(FunctionEvent(host=self.name, **document))
        await self._process.wait()
        self.ready.set()

    def _host_json(self) -> dict[str, Any]:
        extensions: dict[str, dict[str, str | int]] = {"queues": {}, "blobs": {}}
        for option, (section, name) in _HOST_JSON.items():
            if text := self.options.get(option):
                extensions[section][name] = int(text) if text.isdecimal() else text
        return {"version": "2.0", "extensions": extensions}

    def _environment(self) -> dict[str, str]:
        settings = _DEFAULTS | self.options
        environment = os.environ | {
            "PYTHONPATH": str(_EMULATORS),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AzureFunctionsWebHost__hostid": "probe",
            "AzureWebJobsStorage": self._storage_through_proxy(),
        }
        environment |= {_ENVIRONMENT[k]: v for k, v in settings.items() if k in _ENVIRONMENT}
        if self._by_name:
            environment["http_proxy"] = f"http://127.0.0.1:{self.proxy.ports['blob']}"
        return environment

    @property
    def _by_name(self) -> bool:
        """Whether the account is a part of the host name of its storage, as in Azure, and not of the path."""
        return "by-name" in self.options

    def _storage_through_proxy(self) -> str:
        text = self.connection_string
        for service, port in self.proxy.ports.items():
            before = f"{service.capitalize()}Endpoint=http://"
            by_name, by_path = rf"\1.{service}.storage.test", rf"127.0.0.1:{port}/\1"
            after = before + (by_name if self._by_name else by_path)
            text = re.sub(rf"{before}[^/;]*/([^;/]*)", after, text)
        return text
