"""Measure how many tasks the fake Azure Batch can take: tasks added, tasks listed, memory.

    python benchmarks/fakebatch/scale.py [--tasks 100000] [--server-argument=--state --server-argument=DIR]

The service runs in a process of its own. Rates are shown by the wall clock, and by the processor time of the
service: the second is what one core of its own would give, even on a busy machine.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_COLLECTION: Final = 100
_PLAN: Final = "duration=lognormal(2s,1.5) failure=0.01 seed=7"
_VERSION: Final = "2025-06-01"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running service: its endpoint, its credentials, and its process."""

    endpoint: str
    account: str
    key: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Return the resident memory of the process."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(arguments: list[str]) -> Iterator[Server]:
    """Run the service while the context lasts."""
    command = [sys.executable, "-m", "fakebatch", "--port", "0", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        greeting = json.loads(process.stdout.readline() if process.stdout else "")
        try:
            yield Server(**{name: greeting[name] for name in ("endpoint", "account", "key")}, pid=process.pid)
        finally:
            process.terminate()


class Client:
    """A client with one connection, which signs its requests. It uses little processor time itself."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = HTTPConnection(urlsplit(server.endpoint).netloc)

    def send(self, method: str, path: str, query: dict[str, str], body: bytes = b"") -> bytes:
        """Send a request, and return the body of the response. Raises RuntimeError if it fails."""
        parameters = {"api-version": _VERSION, **query}
        target = path + "?" + "&".join(f"{name}={shown}" for name, shown in parameters.items())
        headers = {"ocp-date": formatdate(usegmt=True)}
        if body:
            headers["Content-Type"] = "application/json; odata=minimalmetadata"
        headers["Authorization"] = self._signature(method, path, parameters, headers, len(body))
        self._connection.request(method, target, body or None, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{answer.status}: {content[:500]!r}")
        return content

    def _signature(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], length: int
    ) -> str:
        kind = headers.get("Content-Type", "")
        lines = [method, "", "", str(length) if length else "", "", kind, "", "", "", "", "", ""]
        lines += [f"ocp-date:{headers['ocp-date']}", f"/{self._server.account}{path}"]
        lines += [f"{name}:{query[name]}" for name in sorted(query)]
        digest = hmac.digest(base64.b64decode(self._server.key), "\n".join(lines).encode(), hashlib.sha256)
        return f"SharedKey {self._server.account}:{base64.b64encode(digest).decode()}"


def task(number: int) -> dict[str, Any]:
    """Return the body of a task of about 850 bytes, such as a job of many small tasks would have."""
    container = "https://account.blob.core.windows.net/runs"
    return {
        "id": f"task-{number:08}",
        "commandLine": f"/bin/bash -c 'set -e; ./run.sh --part {number:08} --of 100000 --threads 4'",
        "environmentSettings": [
            {"name": "RUN_ID", "value": "2f1c7d1e-52b1-4d0f-9d0c-0a8d3d1f4c11"},
            {"name": "PART", "value": f"{number:08}"},
        ],
        "resourceFiles": [{"httpUrl": f"{container}/in/{number:08}.bin?{'s' * 120}", "filePath": "in.bin"}],
        "outputFiles": [
            {
                "filePattern": "out.bin",
                "destination": {
                    "container": {"containerUrl": f"{container}?{'s' * 120}", "path": f"out/{number:08}"}
                },
                "uploadOptions": {"uploadCondition": "taskSuccess"},
            }
        ],
        "constraints": {"maxTaskRetryCount": 3, "maxWallClockTime": "PT1H"},
    }


@dataclass
class Meter:
    """Measures the time and the memory of a service, starting when it is created."""

    server: Server

    def __post_init__(self) -> None:
        self._cpu, self._memory = self.server.cpu_seconds(), self.server.resident_bytes()
        self._wall = time.perf_counter()

    def rates(self, count: int) -> str:
        """Return the time since the start, and how many of `count` things were done a second."""
        wall = time.perf_counter() - self._wall
        cpu = self.server.cpu_seconds() - self._cpu
        return f"{wall:6.2f} s, {count / wall:9,.0f}/s; of the service {cpu:6.2f} s, {count / cpu:9,.0f}/s"

    def growth(self) -> int:
        """Return by how many bytes the memory has grown since the start."""
        return self.server.resident_bytes() - self._memory


def report(line: str) -> None:
    """Print a line, and flush the output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measure(server: Server, tasks: int) -> None:
    """Add tasks that do not run, list them and count them."""
    client = Client(server)
    bodies = collections(tasks)
    own = sum(map(len, bodies)) / tasks
    meter = Meter(server)
    add_job(client, "none", bodies)
    report(f"added   {tasks:,} tasks of {own:.0f} bytes: {meter.rates(tasks)}")
    growth = meter.growth() / tasks
    report(f"memory  {growth:,.0f} bytes a task, {growth - own:,.0f} beyond its own JSON")
    for select in ("id,state,stateTransitionTime", None):
        meter = Meter(server)
        found = sum(len(json.loads(page)["value"]) for page in pages(client, select))
        if found != tasks:
            raise RuntimeError(f"{found} of {tasks} tasks were listed")
        report(f"listed  {found:,} tasks, $select={select}: {meter.rates(found)}")
    if counts(client)["active"] != tasks:
        raise RuntimeError(f"counted {counts(client)}")


def drive(server: Server, tasks: int) -> None:
    """Add simulated tasks, wait until all have ended, and list how they ended."""
    client = Client(server)
    bodies = collections(tasks)
    meter = Meter(server)
    add_job(client, "sim", bodies)
    while counts(client)["completed"] < tasks:
        time.sleep(0.1)
    found = sum(len(json.loads(page)["value"]) for page in pages(client, "id,state,executionInfo"))
    if found != tasks:
        raise RuntimeError(f"{found} of {tasks} tasks were listed")
    report(f"driven  {tasks:,} simulated tasks from creation to the list of their ends: {meter.rates(tasks)}")


def collections(tasks: int) -> list[bytes]:
    """Return the bodies of the requests that add this many tasks."""
    return [
        json.dumps({"value": [task(number) for number in range(first, first + _COLLECTION)]}).encode()
        for first in range(0, tasks, _COLLECTION)
    ]


def add_job(client: Client, pool_id: str, bodies: list[bytes]) -> None:
    """Add a job with its tasks."""
    client.send("POST", "/jobs", {}, json.dumps({"id": "job", "poolInfo": {"poolId": pool_id}}).encode())
    for body in bodies:
        client.send("POST", "/jobs/job/addtaskcollection", {}, body)


def counts(client: Client) -> dict[str, int]:
    """Return the number of tasks in each state."""
    found: dict[str, int] = json.loads(client.send("GET", "/jobs/job/taskcounts", {}))["taskCounts"]
    return found


def pages(client: Client, select: str | None) -> Iterator[bytes]:
    """Yield the pages of the list of tasks. The link to the next page is found without parsing the page."""
    chosen = {"$select": select} if select else {}
    page = client.send("GET", "/jobs/job/tasks", chosen)
    yield page
    while (start := page.rfind(b'"odata.nextLink"')) >= 0:
        token = page[start:].partition(b"skiptoken=")[2].partition(b'"')[0].decode()
        page = client.send("GET", "/jobs/job/tasks", {**chosen, "$skiptoken": token.replace("%3D", "=")})
        yield page


def main() -> None:
    """Run the benchmark with the arguments of the process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--tasks", type=int, default=100_000, help="the number of tasks (default: %(default)s)"
    )
    parser.add_argument(
        "--server-argument", action="append", default=[], help="an argument for the service; may be repeated"
    )
    args = parser.parse_args()
    with serving(args.server_argument) as server:
        measure(server, args.tasks)
    simulated = ["--executor", "simulated", "--simulate", _PLAN, "--pool", "sim=50x4"]
    with serving([*args.server_argument, *simulated]) as server:
        drive(server, args.tasks)


main()
