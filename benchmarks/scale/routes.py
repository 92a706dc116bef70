"""The ways to bring tasks into Azure Batch, each in a process of its own, all with the same tasks.

    python -m benchmarks.scale.routes batchmgr http://127.0.0.1:PORT --tasks 10000

prints what one way has cost, as JSON, after a small job to warm up. The work of each is the same: create the
job, add the tasks 100 a call and 16 calls at a time, add a FinalizeTask, let the job end when its tasks have.

- `batchmgr` begins with a job message with a taskFactory, and ends with the job in state `running`: record,
  request and events are in storage. `--storage` is its connection string.
- `prepared` sends bodies that were made before the clock started, by aiohttp without any client.
- `send_request` sends the same bodies through the pipeline of the azure-batch client, and encodes them first.
- `accept` is what `POST /jobs` does with that message before it answers.
- `create_tasks` is the convenience of the azure-batch client, with its models.
"""

import argparse
import asyncio
import base64
import gc
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.rest import HttpRequest

if TYPE_CHECKING:
    from batchmgr.ports import Ports

CONNECTIONS = 16
COLLECTION = 100
VERSION = "?api-version=2025-06-01"
HEADERS = {"Content-Type": "application/json; odata=minimalmetadata", "Accept": "application/json"}
JOB_ID = "bench"
KEY = base64.b64encode(b"key").decode()
TEXT = "sample-" + "0123456789" * 25
"""A part of every task that makes it about 900 bytes long."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a way has cost: seconds by the clock, seconds of processor time, and bytes of memory.

    `idle` is the resident memory before the work began, `peak` the highest during it.
    """

    wall: float
    cpu: float
    idle: int
    peak: int


def message(tasks: int) -> bytes:
    """Return a job message whose factory makes this many tasks."""
    last = tasks // 10 - 1
    return msgspec.json.encode(
        {
            "jobId": f"bench-{time.time_ns()}",
            "poolId": "pool",
            "taskFactory": {
                "type": "parametricSweep",
                "parameters": {
                    "x": {"start": 0, "end": last},
                    "y": {"values": [f"v{number}" for number in range(10)]},
                },
                "repeatTask": {
                    "commandLine": "python3 simulate.py --x {x} --y {y} --out result.json",
                    "displayName": "x={x} y={y}",
                    "environment": {"SAMPLE": TEXT, "X": "{x}"},
                    "outputFiles": [
                        {"sourceFilePath": "result.json", "targetBlobPath": "results/{x}/{y}.json"}
                    ],
                },
            },
        }
    )


def task_body(number: int) -> dict[str, Any]:
    """Return a task as batchmgr sends it for that message."""
    x, y = divmod(number, 10)
    container = f"https://account.blob.core.windows.net/job-{JOB_ID}?sv=2025-05-05&sr=c&sp=rcw&sig={'s' * 60}"
    return {
        "id": str(number + 1),
        "displayName": f"x={x} y=v{y}",
        "commandLine": f"python3 simulate.py --x {x} --y v{y} --out result.json",
        "environmentSettings": [{"name": "SAMPLE", "value": TEXT}, {"name": "X", "value": str(x)}],
        "outputFiles": [
            {
                "filePattern": "result.json",
                "destination": {"container": {"containerUrl": container, "path": f"results/{x}/v{y}.json"}},
                "uploadOptions": {"uploadCondition": "tasksuccess"},
            }
        ],
        "exitConditions": {"default": {"dependencyAction": "satisfy"}},
    }


def bodies(tasks: int) -> Iterator[bytes]:
    """Yield the bodies of the requests that add the tasks, then the one with the FinalizeTask."""
    numbers = iter(range(tasks))
    while some := list(islice(numbers, COLLECTION)):
        yield msgspec.json.encode({"value": [task_body(number) for number in some]})
    yield msgspec.json.encode({"value": [{"id": "batchmgr-finalize", "commandLine": "/bin/true"}]})


Send = Callable[[str, str, bytes], Awaitable[None]]


async def send_all(send: Send, collections: Iterable[bytes]) -> None:
    """Send everything that a job of these tasks needs, 16 collections at a time."""
    gate = asyncio.Semaphore(CONNECTIONS)

    async def add(body: bytes) -> None:
        try:
            await send("POST", f"/jobs/{JOB_ID}/addtaskcollection", body)
        finally:
            gate.release()

    await send("GET", "/pools/pool", b"")
    await send("POST", "/jobs", b'{"id":"bench","poolInfo":{"poolId":"pool"},"usesTaskDependencies":true}')
    async with asyncio.TaskGroup() as group:
        for body in collections:
            await gate.acquire()
            group.create_task(add(body))
    await send("PATCH", f"/jobs/{JOB_ID}", b'{"onAllTasksComplete":"terminatejob"}')


async def run_prepared(url: str, tasks: int) -> Cost:
    """Send bodies that were made beforehand."""
    prepared = list(bodies(tasks))
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector, headers=HEADERS) as http:

        async def send(method: str, path: str, body: bytes) -> None:
            async with http.request(method, path + VERSION, data=body or None) as answer:
                await answer.read()
                answer.raise_for_status()

        await send_all(send, prepared[:1])
        return await measured(send_all(send, prepared))


async def run_send_request(url: str, tasks: int) -> Cost:
    """Encode the bodies, and send them through the pipeline of the client."""
    async with BatchClient(url, AzureNamedKeyCredential("account", KEY)) as client:

        async def send(method: str, path: str, body: bytes) -> None:
            request = HttpRequest(
                method, "{endpoint}" + path + VERSION, content=body or None, headers=HEADERS
            )
            (await client.send_request(request)).raise_for_status()

        await send_all(send, bodies(10))
        return await measured(send_all(send, bodies(tasks)))


async def run_create_tasks(url: str, tasks: int) -> Cost:
    """Add the tasks as the client would have it: models, and 16 calls at a time."""
    from azure.batch.models import BatchTaskCreateOptions

    async with BatchClient(url, AzureNamedKeyCredential("account", KEY)) as client:

        async def work(tasks: int) -> None:
            models = [BatchTaskCreateOptions(task_body(number)) for number in range(tasks)]
            await client.create_tasks(JOB_ID, models, max_concurrency=CONNECTIONS)

        await work(10)
        return await measured(work(tasks))


async def run_batchmgr(url: str, tasks: int, storage: str) -> Cost:
    """Take a job message as the queue trigger does, until the job is running."""
    from batchmgr.functions.queue_job_requests import take_request
    from batchmgr.model.job_states import JobState

    async with opened_ports(url, storage) as ports:
        await take_request(ports, message(10), "warm-up")
        body = message(tasks)
        job_id = msgspec.json.decode(body)["jobId"]
        cost = await measured(take_request(ports, body, job_id))
        state = (await ports.jobs.load(job_id)).value.state
        if state is not JobState.RUNNING:
            raise RuntimeError(f"the job is {state}")
        await ports.jobs.deactivate(job_id)
        return cost


async def run_accept(url: str, tasks: int, storage: str) -> Cost:
    """Do what `POST /jobs` does before it answers: check the message, store it, create the record."""
    from batchmgr.steps.check_job import check_job
    from batchmgr.usecases.accept import accept
    from batchmgr.wire.job_message import decode_job

    async with opened_ports(url, storage) as ports:
        body = message(tasks)

        async def work() -> None:
            job = decode_job(body)
            await check_job(ports, job.job_id, job)
            await accept(ports, job.job_id, job)

        cost = await measured(work())
        await ports.jobs.deactivate(decode_job(body).job_id)
        return cost


@asynccontextmanager
async def opened_ports(url: str, storage: str) -> AsyncIterator["Ports"]:
    """Open everything that the app opens at its first call."""
    from batchmgr.bootstrap import open_ports, prepare_storage
    from batchmgr.settings import Settings

    settings = Settings(
        storage_connection_string=storage, batch_endpoint=url, batch_account="account", batch_key=KEY
    )
    await prepare_storage(settings)
    async with open_ports(settings) as ports:
        gc.freeze()  # as `batchmgr.runtime` does
        yield ports


async def measured(work: Awaitable[None]) -> Cost:
    """Do the work, and return what it has cost."""
    gc.collect()
    idle, cpu, begun = _resident(), time.process_time(), time.perf_counter()
    _reset_peak()
    await work
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Cost(wall=wall, cpu=cpu, idle=idle, peak=_status("VmHWM"))


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _resident() -> int:
    return _status("VmRSS")


def _status(name: str) -> int:
    """Return a number of bytes that the kernel keeps of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


RAW = {"prepared": run_prepared, "send_request": run_send_request, "create_tasks": run_create_tasks}


def main() -> None:
    """Run one way, and print its cost."""
    parser = argparse.ArgumentParser(description="What one way to add tasks costs.")
    parser.add_argument("route", choices=["batchmgr", "accept", *RAW])
    parser.add_argument("url")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--storage", default="")
    arguments = parser.parse_args()
    url, tasks = arguments.url, arguments.tasks
    if arguments.route in RAW:
        work = RAW[arguments.route](url, tasks)
    else:
        run = run_batchmgr if arguments.route == "batchmgr" else run_accept
        work = run(url, tasks, arguments.storage)
    sys.stdout.write(msgspec.json.encode(asyncio.run(work)).decode() + "\n")


if __name__ == "__main__":
    main()
