"""The embedded host as a child process, known by its command line, its output and its HTTP port alone."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.functions_host.exchanges.wire import NoAnswerError, get

APP = Path(__file__).parent / "app"
HOST_ID = "rechost"
START_SECONDS = 60
"""The longest that a start may take on a machine with other work."""

LASTING = ("Running", "Error", "Offline")
"""States in which a host stays after its start."""
NEVER = "0 0 0 1 1 *"
"""A schedule that is not due while a test runs."""

_ports = iter(random.Random(os.getpid()).sample(range(20_000, 32_000), 12_000))
"""In the order in which this process tries them. Linux gives connections only ports above them."""

_SYSTEM_KEY = re.compile(r"system (\S+)")


def free_port() -> int:
    """Return a port that nothing listens on, and that neither another call nor a connection gets."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def settings(connection_string: str, port: int, **more: str) -> dict[str, str]:
    """Return the environment of a host: that of the recordings, and `more`."""
    return {
        **os.environ,
        "AzureWebJobsStorage": connection_string,
        "Tick": NEVER,
        "AzureFunctionsWebHost__hostid": HOST_ID,
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "WEBSITE_HOSTNAME": f"localhost:{port}",
        **more,
    }


class Watch(threading.Thread):
    """Notes when a process ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._process = process
        self.ended: float | None = None
        """The time, or None while the process runs."""
        self.start()

    def run(self) -> None:
        """Wait for the end."""
        self._process.wait()
        self.ended = time.time()


@dataclass(frozen=True, kw_only=True)
class HostProcess:
    """A host that was started."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    """What it wrote to stdout and stderr."""
    watch: Watch

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self.watch.ended is None

    def status(self) -> dict[str, Any]:
        """Return `/admin/host/status`, or nothing where it cannot be had."""
        try:
            document = json.loads(get(self.port, "/admin/host/status").body)
        except (NoAnswerError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def until_settled(self) -> None:
        """Wait until the host reports a state that lasts, or until its process has ended."""
        wait_until(lambda: not self.is_running or self.status().get("state") in LASTING, START_SECONDS)

    def status_code(self, path: str) -> int | None:
        """Return the status of a GET, or None where no answer comes."""
        try:
            return get(self.port, path).status
        except NoAnswerError:
            return None

    def until_ended(self, seconds: float) -> float | None:
        """Return when the process ended, or None where it has not after so many more seconds."""
        wait_until(lambda: not self.is_running, seconds)
        return self.watch.ended

    def keys(self) -> dict[str, str]:
        """Return the keys by the placeholders of the recordings; the host must check keys."""
        wait_until(lambda: b"masterKey" in self.log.read_bytes(), START_SECONDS)
        text = self.log.read_text()
        line = next(line for line in text.splitlines() if line.startswith("{") and "masterKey" in line)
        ready, system = json.loads(line), _SYSTEM_KEY.search(text)
        assert system is not None
        return {
            "master-key": ready["masterKey"],
            "host-key": ready["functionKey"],
            "function-key": ready["functionKey"],
            "function-key in capitals": ready["functionKey"].upper(),
            "system-key": system[1],
        }


@contextmanager
def host_process(
    app: Path, port: int, log: Path, environment: Mapping[str, str], *arguments: str
) -> Iterator[HostProcess]:
    """Run `python -m functions_host` for an app, and kill what is left of it at the end."""
    command = [
        sys.executable,
        "-m",
        "functions_host",
        "--json",
        "--port",
        str(port),
        "--script-root",
        str(app),
    ]
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [*command, *arguments],
            env=dict(environment),
            stdout=output,
            stderr=output,
            # A group of its own, so that children of the host can be ended with it.
            process_group=0,
        ) as process,
    ):
        try:
            yield HostProcess(process=process, port=port, log=log, watch=Watch(process))
        finally:
            end_group(process)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and the children that are left of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    """Ask again and again until the answer is true; return False when time runs out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
