"""What the app costs before its first job, beside what an app with one function costs.

    python -m benchmarks.scale.start_up

Three things: the import of the app, which is all that the Functions worker does before it knows the
functions; the first answer of a host that has just been started; and the memory of its worker after that. The
bare app has one HTTP function. Both apps run on the embedded host, and take turns.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec

from batchmgr.devstack.project_paths import PROJECT
from benchmarks.scale.services import running_azurite, stub_batch
from benchmarks.scale.table import Row, show

MB = 1_000_000
BARE_APP = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("health")
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("healthy")
"""

IMPORT = """
import importlib, sys, time
begun = time.process_time()
sys.path.insert(0, "")
importlib.import_module(sys.argv[1])
print(time.process_time() - begun)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


class Import(NamedTuple):
    """What an import has cost: seconds of processor time, and the resident bytes of its process then."""

    cpu: float
    resident: int


class Start(NamedTuple):
    """A host that was started: seconds until its first answer, and the bytes of its worker then.

    `share` counts pages that several processes use by their number: the host has the same libraries.
    """

    seconds: float
    resident: int
    share: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.start_up", description="What the app costs before its first job."
    )
    parser.add_argument("--runs", type=int, default=5, help="how often each thing is measured (default: 5)")
    found = rows(parser.parse_args().runs)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(runs: int) -> list[Row]:
    """Measure everything."""
    with running_azurite() as storage:
        return [*imports(runs), *first_answers(storage, runs)]


def imports(runs: int) -> Iterator[Row]:
    """The import of the app, and of the library that every Functions app imports."""
    names = ("function_app", "azure.functions")
    costs: dict[str, list[Import]] = {name: [] for name in names}
    for _ in range(runs + 1):  # the first compiles, and is dropped
        for name in names:
            costs[name].append(import_once(name))
    for name in names:
        is_own = name == "function_app"
        some = costs[name][1:]
        cpu, resident = median(cost.cpu for cost in some), median(cost.resident for cost in some)
        yield Row(what=f"import {name}: CPU", value=cpu, unit="s", limit=0.40 if is_own else None)
        yield Row(what=f"import {name}: memory", value=resident / MB, unit="MB", limit=50 if is_own else None)


def import_once(name: str) -> Import:
    """Import a module in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, name], capture_output=True, text=True, check=True, cwd=PROJECT, env={}
    )
    cpu, kilobytes = done.stdout.split()
    return Import(float(cpu), int(kilobytes) * 1024)


def first_answers(storage: str, runs: int) -> Iterator[Row]:
    """The first answer of a host, and the memory of its worker then. `GET /health` uses everything."""
    with ExitStack() as stack:
        bare = Path(stack.enter_context(TemporaryDirectory()))
        (bare / "function_app.py").write_text(BARE_APP)
        (bare / "host.json").write_text('{"version": "2.0"}')
        url = stack.enter_context(stub_batch(0))
        apps = {"batchmgr": PROJECT, "bare app": bare}
        starts: dict[str, list[Start]] = {name: [] for name in apps}
        for _ in range(runs + 1):  # the first creates queues and containers, and is dropped
            for name, root in apps.items():
                starts[name].append(start_once(root, storage, url))
    seconds = {name: median(start.seconds for start in starts[name][1:]) for name in apps}
    for name in apps:
        yield Row(what=f"first answer: {name}", value=seconds[name], unit="s")
    later = seconds["batchmgr"] - seconds["bare app"]
    yield Row(what="first answer, after that of the bare app", value=later, unit="s", limit=0.5)
    for name in apps:
        resident = median(start.resident for start in starts[name][1:]) / MB
        share = median(start.share for start in starts[name][1:]) / MB
        limit = 70 if name == "batchmgr" else None
        yield Row(
            what=f"worker after its first answer: {name}",
            value=resident,
            unit="MB",
            limit=limit,
            beside=f"{share:.1f} MB if shared pages are divided",
        )


def start_once(root: Path, storage: str, batch: str) -> Start:
    """Start a host, and ask it until it answers."""
    settings = {
        "AzureWebJobsStorage": storage,
        "BATCHMGR_BATCH_ENDPOINT": batch,
        "BATCHMGR_BATCH_ACCOUNT": "account",
        "BATCHMGR_BATCH_KEY": "a2V5",
        "BATCHMGR_POLL_SCHEDULE": "0 0 0 1 1 *",
        "BATCHMGR_BLOB_SOURCE": "EventGrid",
        "PYTHONPATH": str(PROJECT / "emulators"),
    }
    command = [sys.executable, "-m", "functions_host", "--script-root", str(root), "--port", "0", "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **settings}
    ) as host:
        try:
            ready = msgspec.json.decode(host.stdout.readline() if host.stdout else b"")
            _get(f"{ready['functions']}/api/health")
            seconds = time.perf_counter() - begun
            worker = max(children(host.pid), key=resident)
            return Start(seconds, resident(worker), share(worker))
        finally:
            host.kill()


def _get(url: str) -> None:
    try:
        with urlopen(url) as answer:  # noqa: S310  # a host on this machine
            answer.read()
    except HTTPError as error:
        sys.exit(f"{url} has answered {error.code}: {error.read().decode()}")


def children(pid: int) -> Sequence[int]:
    """Return the processes that this one has started: of a host, its worker."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> int:
    """Return the resident set size of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def share(pid: int) -> int:
    """Return the proportional set size of a process, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


if __name__ == "__main__":
    main()
