"""What it costs to list the blobs of a `taskPerFile` factory: 100,000 of them, with one prefix.

    python -m benchmarks.scale.listing

A stub of the blob service has 5,000 names a page and answers after 150 ms, in an account without and with a
hierarchical namespace. Beside it: the same pages fetched by aiohttp and not read, which is the least that a
listing can take, for each page names the next one.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from statistics import median
from typing import NamedTuple

import aiohttp

from batchmgr.bootstrap import open_node_storage
from batchmgr.devstack.azurite import ACCOUNT, KEY
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.settings import Settings
from batchmgr.steps.list_source import list_source
from batchmgr.wire.factory_message import BlobSource
from benchmarks.scale.table import Row, show

BLOBS = 100_000
LATENCY_MS = 150
_NEXT = re.compile(rb"<NextMarker>(\d+)</NextMarker>")


class Listing(NamedTuple):
    """What a listing has cost: seconds by the clock, and of the processor of its process."""

    wall: float
    cpu: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.listing", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each way runs (default: 3)")
    found = rows(parser.parse_args().runs)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(runs: int) -> list[Row]:
    """Measure both kinds of accounts, and the pages alone. They take turns."""
    ways: dict[str, tuple[bool, Callable[[str], Awaitable[None]]]] = {
        "pages by aiohttp": (False, fetch_pages),
        "names": (False, list_names),
        "names, hierarchical namespace": (True, list_names),
    }
    costs: dict[str, list[Listing]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, (is_hierarchical, work) in ways.items():
            with stub_blobs(is_hierarchical=is_hierarchical) as url:
                costs[way].append(asyncio.run(measured(work(url))))
    return [
        Row(
            what=f"list 100,000 blobs at 150 ms: {way}",
            value=median(cost.wall for cost in costs[way]),
            unit="s",
            limit=10 if ways[way][1] is list_names else None,
            beside=f"{median(cost.cpu for cost in costs[way]):.1f} s of CPU",
        )
        for way in ways
    ]


@contextmanager
def stub_blobs(*, is_hierarchical: bool) -> Iterator[str]:
    """Run the stub, and yield its address."""
    command = [sys.executable, "-m", "benchmarks.scale.stub_blobs"]
    command += ["--blobs", str(BLOBS), "--latency-ms", str(LATENCY_MS)]
    command += ["--hierarchical"] if is_hierarchical else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


async def measured(work: Awaitable[None]) -> Listing:
    """Do the work, and return what it has cost."""
    begun, cpu = time.perf_counter(), time.process_time()
    await work
    return Listing(time.perf_counter() - begun, time.process_time() - cpu)


async def list_names(url: str) -> None:
    """List as a submission does."""
    text = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={url}/{ACCOUNT};"
    )
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_node_storage(Settings(storage_connection_string=text)))
        names = await list_source(storage, BlobSource(container_name="data", prefix="in/", pattern="*.fa"))
    if len(names) != BLOBS or names != sorted(names):
        raise RuntimeError(f"{len(names)} blobs were listed")


async def fetch_pages(url: str) -> None:
    """Fetch the pages one after the other, and look for nothing in them but the next marker."""
    marker = ""
    async with aiohttp.ClientSession() as http:
        while True:
            query = {"restype": "container", "comp": "list", "marker": marker}
            async with http.get(f"{url}/data", params=query) as answer:
                found = _NEXT.search(await answer.read())
            if found is None:
                return
            marker = found[1].decode()


if __name__ == "__main__":
    main()
