"""Threads of workloads: one that hangs takes nobody along."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from batchmgr import JobManager, JobManagerBuilder, WorkloadBase
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.adapters.workload_threads import LimitedThreads
from batchmgr.errors import InvalidJobError, ServiceBusyError
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_states import JobState
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.usecases.accept import accept
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import encode
from tests.world import CALLBACK, World, job_message

LIMIT = timedelta(seconds=0.2)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a hanging call waits for. It is opened at the end."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_call_returns_and_raises_what_the_function_does() -> None:
    threads = LimitedThreads()
    assert await threads.run("a", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run("a", lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="mine"):
        await threads.run("a", _timed_out)


def _timed_out() -> None:
    raise TimeoutError("mine")


async def test_a_call_that_hangs_is_an_error_that_says_so(gate: threading.Event) -> None:
    with pytest.raises(InvalidJobError, match=r"'slow' did not plan the job within 0.2 seconds") as caught:
        await LimitedThreads(LIMIT).run("slow", gate.wait)
    assert caught.value.field == "workload"


async def test_many_that_hang_keep_neither_other_workloads_nor_dns_waiting(gate: threading.Event) -> None:
    threads = LimitedThreads(LIMIT)
    before = threading.active_count()
    hanging = [threads.run("slow", gate.wait) for _ in range(100)]
    errors = asyncio.gather(*hanging, return_exceptions=True)
    await asyncio.sleep(0)
    assert await threads.run("quick", lambda: 1) == 1
    assert await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    kinds = [type(error) for error in await errors]
    assert kinds.count(InvalidJobError) == 4
    assert kinds.count(ServiceBusyError) == 96
    assert threading.active_count() - before <= 6
    with pytest.raises(InvalidJobError, match="4 earlier calls of its create_job have not returned"):
        await threads.run("slow", gate.wait)


async def test_a_job_whose_workload_hangs_is_rejected_and_others_run_meanwhile(gate: threading.Event) -> None:
    class Hanging(JobManager):
        def create_job(self) -> None:
            gate.wait()

    class Builder(JobManagerBuilder):
        job_manager_type = Hanging

    class Workload(WorkloadBase):
        name = "hanging"

        def __init__(self, batch_client: Any = None) -> None:
            super().__init__(batch_client, Builder)

    world = World()
    registry = WorkloadRegistry({"hanging": lambda: Workload})
    ports = replace(world.ports, workloads=registry, threads=LimitedThreads(LIMIT))
    messages = [
        encode(JobMessage(job_id=f"slow-{n}", workload="hanging", call_back_uri=CALLBACK)) for n in range(3)
    ]
    hanging = asyncio.gather(*(take_request(ports, message, "") for message in messages))
    await take_request(ports, encode(job_message()), "")
    assert world.record().state is JobState.RUNNING
    await hanging
    for n in range(3):
        error = world.record(f"slow-{n}").error
        assert error is not None
        assert "create_job must return quickly" in error.message
    await world.deliveries.finish()
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["400"] * 3


async def test_a_workload_works_again_when_its_calls_have_returned(gate: threading.Event) -> None:
    threads = LimitedThreads(LIMIT)
    await asyncio.gather(*(threads.run("slow", gate.wait) for _ in range(4)), return_exceptions=True)
    gate.set()
    await asyncio.sleep(0.1)
    assert await threads.run("slow", lambda: 1) == 1


async def test_more_calls_than_threads_wait_for_their_turn() -> None:
    threads = LimitedThreads(most=2)
    assert await asyncio.gather(*(threads.run("a", partial(int, n)) for n in range(50))) == list(range(50))


async def test_a_job_whose_workload_is_busy_waits_for_it_and_not_for_access(gate: threading.Event) -> None:
    class Workload(WorkloadBase):
        name = "busy"

    world, threads = World(), LimitedThreads(LIMIT, most=1)
    registry = WorkloadRegistry({"busy": lambda: Workload})
    ports = replace(world.ports, workloads=registry, threads=threads)
    planning = asyncio.create_task(threads.run("busy", gate.wait))
    await asyncio.sleep(0)
    await accept(ports, "job-1", JobMessage(job_id="job-1", workload="busy"))
    await submit(ports, "job-1")
    obstacle = world.record().obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.kind) == ("WorkloadBusy", ObstacleKind.BUSY)
    with pytest.raises(InvalidJobError):
        await planning
