"""The whole life of jobs with many tasks, on the local stack: `python -m benchmarks.scale.whole_life`.

The tasks of a job are simulated: each takes 50 ms of a slot, and no process. Everything else is real: the
Functions host and its worker, Azurite, the HTTP of a fake Azure Batch, whose clock is that of the machine.
The nodes come when the job is running: so what the fake Batch needs to run tasks doesn't slow down that.
A simulated task uploads nothing, so this process stands in for the node of the FinalizeTask, and uploads the
finalize blob. The app polls every 15 seconds, as in Azure.

What is measured: the time from the request to `running`; the time from the end of the last task to the call
that the receiver gets; the processor time and the peak of the memory of the worker. At the end the event log
is read: it must have the end of each task once, in order, and the end of the job last.
"""

import argparse
import asyncio
import csv
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.core.rest import HttpRequest
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.devstack.stack import Stack, StackOptions, running_stack
from batchmgr.plan.file_specifications import EVENTS_CONTAINER, FINALIZE_CONTAINER
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, RESERVED_PREFIX
from batchmgr.wire.events import JOB_STATES, TASK_SUCCEEDED
from benchmarks.scale.services import further_hosts
from benchmarks.scale.table import Row, say, show

SIZES = (1_000, 10_000, 30_000, 100_000)
POOL = "wide"
NODES = 64
FAKE_BATCH = (
    *("--executor", "simulated", "--simulate", "duration=50ms speed=1"),
    *("--pool", f"{POOL}=0x8", "--dedicated-core-quota", "1000"),
)
POLLS = "*/15 * * * * *"
PATIENCE = 300
VERSION = "2025-06-01"
MB = 1_000_000
RECORD_LIMIT = 64
LATENESS = {10_000: 2.0, 100_000: 5.0}
"""How many seconds after the end of its last task the callback of a job of so many tasks may come."""

TO_RUNNING = {100_000: 15.0}


@dataclass(frozen=True, kw_only=True)
class Life:
    """What one job has cost. Times are in seconds, sizes in bytes.

    `ran` is the time from the first start of a task to the last end. `batch_cpu` is the processor time of the
    fake Batch, which has the same two cores. `wrong` counts events that are missing, twice, or out of order.
    """

    tasks: int
    to_running: float
    ran: float
    to_callback: float
    worker_cpu: float
    batch_cpu: float
    idle_memory: int
    peak_memory: int
    record: int
    wrong: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.whole_life", description="Whole lives.")
    parser.add_argument("--tasks", type=int, action="append", help=f"sizes of jobs (default: {SIZES})")
    parser.add_argument("--hosts", type=int, default=1, help="how many hosts share the work (default: 1)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the costs for a plot")
    arguments = parser.parse_args()
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    lives = asyncio.run(measure(arguments.tasks or SIZES, hosts=arguments.hosts))
    if arguments.csv:
        write_csv(arguments.csv, lives)
    table = as_rows(lives)
    show(table)
    sys.exit(any(row.verdict == "FAIL" for row in table))


def rows(sizes: Sequence[int] = SIZES) -> list[Row]:
    """Run a job of each size, and return what the lives of these jobs have cost."""
    return as_rows(asyncio.run(measure(sizes)))


def as_rows(lives: Sequence[Life]) -> list[Row]:
    """Return the lines of the table."""
    table = []
    for life in lives:
        size = f"{life.tasks:,} tasks"
        table += [
            Row(
                what=f"{size}: request → running",
                value=life.to_running,
                unit="s",
                limit=TO_RUNNING.get(life.tasks),
            ),
            Row(
                what=f"{size}: end of the last task → callback",
                value=life.to_callback,
                unit="s",
                limit=LATENESS.get(life.tasks),
                beside=f"they ran for {life.ran:.1f} s",
            ),
            Row(what=f"{size}: events missing, twice or out of order", value=life.wrong, unit="", limit=0),
            Row(
                what=f"{size}: CPU of the worker",
                value=life.worker_cpu,
                unit="s",
                beside=f"{life.batch_cpu:.1f} s of the fake Batch on the same cores",
            ),
            Row(
                what=f"{size}: memory of the worker, at most",
                value=life.peak_memory / MB,
                unit="MB",
                beside=f"{life.idle_memory / MB:.0f} MB before",
            ),
            Row(what=f"{size}: record, at most", value=life.record / 1024, unit="KiB", limit=RECORD_LIMIT),
        ]
    return table


def write_csv(file: Path, lives: Sequence[Life]) -> None:
    """Write one line for each life."""
    with file.open("w", newline="") as output:
        writer = csv.DictWriter(output, [field.name for field in fields(Life)])
        writer.writeheader()
        writer.writerows(asdict(life) for life in lives)


async def measure(sizes: Sequence[int], *, hosts: int = 1) -> list[Life]:
    """Run a job of each size on a stack of its own, one after the other.

    With several hosts, the costs are those of the worker of the first one, which gets all requests.
    """
    lives = []
    for tasks in sizes:
        options = StackOptions(host="embedded", poll_schedule=POLLS, fake_batch=FAKE_BATCH)
        async with running_stack(options) as stack:
            with further_hosts(stack.endpoints.settings_file, hosts - 1):
                lives.append(await stack.run_supervised(_live(stack, tasks)))
    return lives


async def _live(stack: Stack, tasks: int) -> Life:
    job_id = f"life-{tasks}"
    async with (
        aiohttp.ClientSession(stack.endpoints.functions) as api,
        BlobServiceClient.from_connection_string(stack.endpoints.connection_string) as blobs,
        account(stack) as batch,
        receiving() as (callback_uri, called),
    ):
        await _warm_up(api, blobs, batch)
        await _resize(batch, 0)
        worker, service = _child(stack.host.pid), _child_named("fakebatch")
        _forget_peak(worker)
        idle, worker_cpu, batch_cpu = _memory(worker, "VmRSS"), _cpu(worker), _cpu(service)
        sent = datetime.now(UTC)
        await _send(api, job_id, tasks, callback_uri)
        await _until_running(api, job_id)
        await _resize(batch, NODES)
        largest = await _accompany(job_id, blobs, batch, called)
        worker_cpu, batch_cpu = _cpu(worker) - worker_cpu, _cpu(service) - batch_cpu
        peak = _memory(worker, "VmHWM")
        begun, ended = await _task_times(batch, job_id)
        events = await _until_logged(blobs.get_container_client(EVENTS_CONTAINER), job_id)
        running = next(event for event in events if event["type"] == "batchmgr.job.running")
        return Life(
            tasks=tasks,
            to_running=(datetime.fromisoformat(running["time"]) - sent).total_seconds(),
            ran=(ended - begun).total_seconds(),
            to_callback=(called.result() - ended).total_seconds(),
            worker_cpu=worker_cpu,
            batch_cpu=batch_cpu,
            idle_memory=idle,
            peak_memory=peak,
            record=largest,
            wrong=_wrong(events, tasks),
        )


async def _warm_up(api: aiohttp.ClientSession, blobs: BlobServiceClient, batch: BatchClient) -> None:
    """Run a small job, so that the worker has imported everything."""
    async with receiving() as (callback_uri, called):
        await _resize(batch, 1)
        await _send(api, "warm", 10, callback_uri)
        await _accompany("warm", blobs, batch, called)


async def _send(api: aiohttp.ClientSession, job_id: str, tasks: int, callback_uri: str) -> None:
    factory = {
        "type": "parametricSweep",
        "parameters": {"number": {"start": 1, "end": tasks}},
        "repeatTask": {"commandLine": "process --number {number}"},
    }
    message = {"jobId": job_id, "poolId": POOL, "taskFactory": factory, "callBackUri": callback_uri}
    async with api.post("/api/jobs", json=message) as answer:
        if answer.status != 202:
            raise RuntimeError(await answer.text())


async def _accompany(
    job_id: str, blobs: BlobServiceClient, batch: BatchClient, called: asyncio.Future[datetime]
) -> int:
    """Upload the finalize blob as soon as the FinalizeTask has run, and wait for the callback.

    Return the size of the largest record that was seen.
    """
    record = blobs.get_blob_client("batchmgr-jobs", f"records/{job_id}.json")
    largest, uploaded, until = 0, False, time.monotonic() + PATIENCE
    while not called.done():
        if time.monotonic() > until:
            raise RuntimeError(f"no callback of {job_id} in {PATIENCE} s")
        if not uploaded and await _has_run(batch, job_id, FINALIZE_TASK_ID):
            await blobs.get_blob_client(FINALIZE_CONTAINER, f"{job_id}.json").upload_blob(b"{}")
            uploaded = True
        with suppress(ResourceNotFoundError):
            largest = max(largest, (await record.get_blob_properties()).size)
        await asyncio.wait([called], timeout=0.1)
    return max(largest, (await record.get_blob_properties()).size)


async def _until_running(api: aiohttp.ClientSession, job_id: str) -> None:
    state = ""
    while state != "running":
        await asyncio.sleep(0.2)
        async with api.get(f"/api/jobs/{job_id}") as answer:
            state = (await answer.json())["state"]
        if state == "rejected":
            raise RuntimeError(f"{job_id} was rejected")


async def _resize(batch: BatchClient, nodes: int) -> None:
    """Give the pool so many nodes, and wait until it has them."""
    body = {"targetDedicatedNodes": nodes, "targetLowPriorityNodes": 0}
    headers = {"Content-Type": "application/json; odata=minimalmetadata"}
    url = f"/pools/{POOL}/resize?api-version={VERSION}"
    await batch.send_request(HttpRequest("POST", url, headers=headers, content=msgspec.json.encode(body)))
    size = -1
    while size != nodes:
        url = f"/pools/{POOL}?api-version={VERSION}&$select=currentDedicatedNodes"
        size = (await batch.send_request(HttpRequest("GET", url))).json()["currentDedicatedNodes"]
        await asyncio.sleep(0.1)


async def _has_run(batch: BatchClient, job_id: str, task_id: str) -> bool:
    request = HttpRequest("GET", f"/jobs/{job_id}/tasks/{task_id}?api-version={VERSION}&$select=id,state")
    try:
        answer = await batch.send_request(request)
    except ResourceNotFoundError:
        return False
    return bool(answer.json()["state"] == "completed")


async def _task_times(batch: BatchClient, job_id: str) -> tuple[datetime, datetime]:
    """Return when the first task of a job has begun, and when the last one has ended, as Azure Batch says."""
    begun, ended = [], []
    url = f"/jobs/{job_id}/tasks?api-version={VERSION}&$select=id,executionInfo"
    while url:
        answer = await batch.send_request(HttpRequest("GET", url))
        page: dict[str, Any] = msgspec.json.decode(answer.content)
        for task in page["value"]:
            if not task["id"].startswith(RESERVED_PREFIX):
                begun.append(task["executionInfo"]["startTime"])
                ended.append(task["executionInfo"]["endTime"])
        url = page.get("odata.nextLink", "")
    return datetime.fromisoformat(min(begun)), datetime.fromisoformat(max(ended))


async def _until_logged(container: ContainerClient, job_id: str) -> list[dict[str, Any]]:
    """Return the log of a job whose callback was received. The log may be complete only a little later."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        events = [event async for event in _events(container, job_id)]
        if events and events[-1]["type"] in ENDS:
            return events
        await asyncio.sleep(0.5)
    return events


ENDS = {kind for state, kind in JOB_STATES.items() if state.is_final}


async def _events(container: ContainerClient, job_id: str) -> AsyncIterator[dict[str, Any]]:
    names = sorted([name async for name in container.list_blob_names(name_starts_with=f"{job_id}.")], key=len)
    for name in names:
        content = await (await container.download_blob(name)).readall()
        for line in content.splitlines():
            yield msgspec.json.decode(line)


def _wrong(events: Sequence[dict[str, Any]], tasks: int) -> int:
    """Return how many events are missing, there twice, or out of order."""
    ids = Counter(event["id"] for event in events)
    ends = Counter(
        event["subject"]
        for event in events
        if event["type"] == TASK_SUCCEEDED and RESERVED_PREFIX not in event["subject"]
    )
    twice = sum(ids.values()) - len(ids) + sum(ends.values()) - len(ends)
    disordered = sum(int(event["sequence"]) != place for place, event in enumerate(events, 1))
    is_last = bool(events) and events[-1]["type"] == "batchmgr.job.succeeded"
    return twice + disordered + abs(tasks - len(ends)) + (not is_last)


@asynccontextmanager
async def account(stack: Stack) -> AsyncIterator[BatchClient]:
    """Open a client of the fake Batch account."""
    key = AzureNamedKeyCredential(stack.endpoints.batch_account, stack.endpoints.batch_key)
    async with BatchClient(stack.endpoints.batch, key) as batch:
        yield batch


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, asyncio.Future[datetime]]]:
    """Start a receiver of one callback. Yield its address, and when the call will have come."""
    called: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()

    async def receive(_: web.Request) -> web.Response:
        if not called.done():
            called.set_result(datetime.now(UTC))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", called
    finally:
        await runner.cleanup()


def _child(pid: int) -> int:
    """Return the largest process that this one has started: of a host, its worker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return max(map(int, children), key=lambda child: _memory(child, "VmRSS"))


def _child_named(module: str) -> int:
    """Return the process that this one has started and that runs a module."""
    own = os.getpid()
    for child in Path(f"/proc/{own}/task/{own}/children").read_text().split():
        if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    raise RuntimeError(f"nothing runs {module}")


def _cpu(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, what: str) -> int:
    """Return the resident memory of a process, `VmRSS`, or its peak, `VmHWM`, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
