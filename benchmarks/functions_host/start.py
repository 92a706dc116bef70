"""Measure the embedded Functions host on this machine: how long it takes to start, and its memory when idle.

    python benchmarks/functions_host/start.py [--script-root .] [--starts 5]

The host runs each app on an Azurite of its own. Start-up is the time from the start of the process until it
prints that it listens. Memory is the proportional set size (PSS) of host and worker, so that pages that they
share are counted once, and the resident set size (RSS) of each. An app's own libraries are in it.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from batchmgr.devstack.azurite import start_azurite
from batchmgr.devstack.child_processes import ChildProcesses

ROOT = Path(__file__).parents[2]


async def main() -> None:
    """Measure, and print one line for each app."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--script-root", type=Path, action="append", help="an app (default: three of them)")
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    apps = options.script_root or [ROOT, *sorted((ROOT / "examples" / "functions").glob("*/"))]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        processes = ChildProcesses(folder)
        stack.push_async_callback(processes.stop)
        (folder / "azurite").mkdir()
        azurite = await start_azurite(
            processes, project=ROOT, data=folder / "azurite", environment=dict(os.environ)
        )
        show(f"{'app':24} {'start-up: best, median':26} memory when idle, host + worker: PSS, RSS")
        for app in apps:
            measured = [await start_once(app, azurite.connection_string) for _ in range(options.starts)]
            times = sorted(seconds for seconds, _, _ in measured)
            _, pss, rss = measured[-1]
            shares = " + ".join(f"{one:.0f}" for one in pss)
            times_text = f"{times[0]:.2f} s, {statistics.median(times):.2f} s"
            each = " + ".join(f"{one:.0f}" for one in rss)
            show(f"{app.name:24} {times_text:26} {shares} MB, {each} MB")


def show(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def start_once(app: Path, storage: str) -> tuple[float, list[float], list[float]]:
    """Start a host; return its start-up in seconds, and its memory after five seconds, in megabytes."""
    settings = {
        "AzureWebJobsStorage": storage,
        "BATCHMGR_BATCH_ENDPOINT": "http://127.0.0.1:9",
        "BATCHMGR_BATCH_ACCOUNT": "local",
        "BATCHMGR_BATCH_KEY": "a2V5",
        "BATCHMGR_POLL_SCHEDULE": "0 0 * * * *",
        "BATCHMGR_BLOB_SOURCE": "EventGrid",
    }
    began = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions_host", "--script-root", str(app), "--port", "0", "--json"),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        json.loads(await child.stdout.readline() if child.stdout else b"")
        seconds = time.monotonic() - began
        await asyncio.sleep(5)
        family = [child.pid, *children_of(child.pid)]
        return seconds, [pss_of(pid) for pid in family], [rss_of(pid) for pid in family]
    finally:
        child.kill()
        await child.wait()


def children_of(pid: int) -> list[int]:
    """Return the processes that this one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pss_of(pid: int) -> float:
    """Return the proportional set size in megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def rss_of(pid: int) -> float:
    """Return the resident set size in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    asyncio.run(main())
