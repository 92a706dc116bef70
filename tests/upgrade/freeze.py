"""`python -m tests.upgrade.freeze FILE CONNECTION_STRING`: freeze what is stored of jobs.

Run it with the code of a release, against an empty account of Azurite, and keep the file for the test.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.errors import ServiceBusyError
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_record_parts import Claim
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports
from batchmgr.steps.outbox import commit_state, load
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll_job import poll_job
from batchmgr.wire.factory_message import BlobSource, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import encode
from batchmgr.wire.task_message import TaskTemplate
from tests.chaos.interception import intercepted
from tests.upgrade.stored_world import freeze, stored_world
from tests.usecases.sweep_workload import sweep_message
from tests.world import CALLBACK, World, job_message, task

PER_FILE = JobMessage(
    call_back_uri=CALLBACK,
    task_factory=TaskPerFile(
        source=BlobSource(container_name="files"), repeat_task=TaskTemplate(command_line="wc {0}")
    ),
)


async def make_jobs(world: World) -> None:
    """Make one job in each state."""
    ports = world.ports
    world.storage.blobs["files"] = {"a.txt", "b.txt"}
    await accept(ports, "queued", named("queued"), is_checked=False)
    await send(ports, named("running"))
    await send(ports, named("observed"))
    run_tasks(world, "observed", ["1"])
    await poll_job(ports, "observed")
    await send(ports, replace(sweep_message(), job_id="workload"))
    await send(ports, replace(PER_FILE, job_id="per-file"))
    await send(ports, named("cancelled"))
    await cancel(ports, "cancelled")
    await send(ports, named("finalizing"))
    run_tasks(world, "finalizing", ["1", "2", FINALIZE_TASK_ID])
    job = await load(ports, "finalizing")
    now = world.clock.now()
    claim = Claim(holder="a process that has died", until=now + timedelta(seconds=60))
    await commit_state(ports, job, job.value.claimed(now, claim).finalizing(now))
    await end(world, "calling-back", fails=True)
    await end(world, "succeeded")
    await end(world, "failed", "/bin/false")
    await send(broken(ports), named("submitting"))
    world.batch.quota = 0
    await send(ports, named("in-line"))
    world.batch.quota = None


def named(job_id: str, command: str = "/bin/true") -> JobMessage:
    """Return the message of a job of two tasks."""
    return job_message(task("1"), task("2", command, "1"), job_id=job_id)


async def send(ports: Ports, message: JobMessage) -> None:
    """Have a message handled as the queue's trigger does."""
    await take_request(ports, encode(message), "q-unused")


def run_tasks(world: World, job_id: str, task_ids: list[str]) -> None:
    """Run the first tasks of a job, in order."""
    for task_id in task_ids:
        started = world.batch.start_next_task(job_id)
        assert started is not None
        assert started.id == task_id
        failed = started.command_line == "/bin/false"
        world.batch.record_exit(job_id, task_id, TaskExit.exited(int(failed)))


async def end(world: World, job_id: str, command: str = "/bin/true", *, fails: bool = False) -> None:
    """Have a job end. If its callback fails, it is tried again later."""
    ports = world.ports
    await send(ports, named(job_id, command))
    run_tasks(world, job_id, ["1", "2", FINALIZE_TASK_ID])
    await finalize(ports, job_id)
    world.callbacks.failures = 1 if fails else 0
    await deliver(ports, job_id)
    world.deliveries.started.clear()


def broken(ports: Ports) -> Ports:
    """Return ports with an Azure Batch that creates jobs and takes no tasks."""

    async def around(name: str, call: Callable[[], Awaitable[object]]) -> object:
        if name == "batch.add_tasks":
            raise ServiceBusyError("later", code="ServerBusy")
        return await call()

    return intercepted(ports, around)


async def main() -> None:
    """Write the file."""
    file, connection_string = sys.argv[1:]
    async with stored_world(connection_string) as world:
        await make_jobs(world)
        frozen = await freeze(world, connection_string)
    await asyncio.to_thread(
        Path(file).write_bytes, msgspec.json.format(msgspec.json.encode(frozen), indent=1)
    )


if __name__ == "__main__":
    asyncio.run(main())
