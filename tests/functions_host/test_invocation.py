"""Invocations: threads, timeouts and a lost worker."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.function_metadata import BoundParameter, Function
from functions_host.in_process_worker import InProcessWorker
from functions_host.invocation import Invoker, OutputWriter
from functions_host.trigger_data import TriggerData
from functions_host.typed_data import TypedData
from functions_host.worker_supervisor import RestartTimes, WorkerSupervisor

INPUT = TriggerData(value=TypedData("x", "string"))


class NoOutputs:
    async def write(self, output: BoundParameter, value: TypedData, binding_data: Mapping[str, str]) -> None:
        raise AssertionError("there is nothing to write")


def function(call: Callable[..., Any], name: str = "f") -> Function:
    trigger = BoundParameter(
        name="msg", binding={"name": "msg", "type": "queueTrigger", "direction": "IN"}, converter="generic"
    )
    return Function(
        name=name,
        call=call,
        is_async=asyncio.iscoroutinefunction(call),
        directory=Path(),
        trigger=trigger,
        outputs=(),
        returns=None,
        takes_context=False,
    )


class Worker(InProcessWorker):
    """A worker whose functions are those that the tests pass."""

    async def load(self) -> list[Function]:
        return []


@asynccontextmanager
async def invoker(
    limit: float | None, *, grace: float = 0.1, writer: OutputWriter | None = None
) -> AsyncIterator[Invoker]:
    workers = WorkerSupervisor(
        lambda: Worker(Path(), threads=1000), times=RestartTimes(grace=grace, interval=0)
    )
    await workers.start()
    timeout = None if limit is None else timedelta(seconds=limit)
    yield Invoker(timeout=timeout, writer=writer or NoOutputs(), workers=workers)
    workers.kill()


async def test_async_functions_share_the_loop_and_sync_ones_have_threads() -> None:
    seen: dict[str, str] = {}

    async def on_loop(msg: str) -> None:
        seen["async"] = threading.current_thread().name

    def in_thread(msg: str) -> None:
        seen["sync"] = threading.current_thread().name

    async with invoker(None) as runs:
        for call in (on_loop, in_thread):
            assert (await runs.invoke(function(call), INPUT, "test")).succeeded
        assert runs.running == 0
    assert seen["async"] == threading.current_thread().name
    assert seen["sync"].startswith("function_")


async def test_invocations_are_logged_as_by_func(caplog: pytest.LogCaptureFixture) -> None:
    async def good(msg: str) -> None: ...

    async def bad(msg: str) -> None:
        raise ValueError("deliberate")

    caplog.set_level(logging.INFO)
    async with invoker(None) as runs:
        assert (await runs.invoke(function(good, "good"), INPUT, "because")).succeeded
        assert not (await runs.invoke(function(bad, "bad"), INPUT, "because")).succeeded
    started, ended, _, failed = caplog.messages
    assert started.startswith("Executing 'Functions.good' (Reason='because', Id=")
    assert ended.startswith("Executed 'Functions.good' (Succeeded, Id=")
    assert failed.startswith("Executed 'Functions.bad' (Failed, Id=")
    assert "ValueError: deliberate" in caplog.text


async def test_a_value_returned_without_a_binding_for_it_fails_the_invocation() -> None:
    async def chatty(msg: str) -> str:
        return msg

    async with invoker(None) as runs:
        assert not (await runs.invoke(function(chatty), INPUT, "test")).succeeded


async def test_a_timeout_fails_one_invocation_and_others_have_some_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never = asyncio.Event()

    async def hangs(msg: str) -> None:
        await never.wait()

    async def quick(msg: str) -> None:
        await asyncio.sleep(0.35)

    async with invoker(0.4, grace=0.2) as runs:
        first = asyncio.create_task(runs.invoke(function(hangs, "first"), INPUT, "test"))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(runs.invoke(function(quick, "second"), INPUT, "test"))
        assert not (await first).succeeded
        assert (await second).succeeded
        assert (await runs.invoke(function(quick, "third"), INPUT, "test")).succeeded
    assert "'first' exceeded the function timeout of 0.4 s" in caplog.text
    assert "Restarting the worker" in caplog.text


async def test_what_is_lost_with_the_worker_fails_by_its_own_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never = asyncio.Event()

    async def hangs(msg: str) -> None:
        await never.wait()

    async with invoker(0.4) as runs:
        first = asyncio.create_task(runs.invoke(function(hangs, "first"), INPUT, "test"))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(runs.invoke(function(hangs, "second"), INPUT, "test"))
        assert not (await first).succeeded
        assert not second.done()
        assert not (await second).succeeded
    assert "'second' exceeded the function timeout of 0.4 s" in caplog.text


async def test_an_output_that_takes_too_long_fails_the_invocation_and_keeps_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Endless:
        async def write(
            self, output: BoundParameter, value: TypedData, binding_data: Mapping[str, str]
        ) -> None:
            await asyncio.Event().wait()

    async def answers(msg: str) -> str:
        return "x"

    output = BoundParameter(
        name="$return", binding={"name": "$return", "type": "queue", "direction": "OUT"}, converter="queue"
    )
    async with invoker(0.2, writer=Endless()) as runs:
        assert not (await runs.invoke(replace(function(answers), returns=output), INPUT, "test")).succeeded
    assert "exceeded the function timeout" in caplog.text
    assert "Restarting the worker" not in caplog.text


async def test_an_escaping_cancellation_is_no_answer_until_the_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def cancelled(msg: str) -> None:
        raise asyncio.CancelledError

    async with invoker(0.2) as runs:
        assert not (await runs.invoke(function(cancelled), INPUT, "test")).succeeded
    assert "exceeded the function timeout" in caplog.text


async def test_forty_blocking_calls_run_at_once_with_the_threads_of_the_real_host() -> None:
    at_once = threading.Barrier(40)

    def blocks(msg: str) -> None:
        at_once.wait(timeout=10)

    async with invoker(None) as runs:
        results = await asyncio.gather(*(runs.invoke(function(blocks), INPUT, "test") for _ in range(40)))
    assert all(result.succeeded for result in results)


class MortalWorker(Worker):
    """A worker that a test can end."""

    def end(self) -> None:
        """End, as a process that crashes."""
        self.ended.set()


async def test_a_worker_that_ends_is_replaced_twice_and_then_the_host_has_to_end() -> None:
    workers: list[MortalWorker] = []
    started = asyncio.Event()

    def new_worker() -> MortalWorker:
        workers.append(MortalWorker(Path()))
        started.set()
        return workers[-1]

    supervisor = WorkerSupervisor(new_worker, times=RestartTimes(interval=0.2))
    await supervisor.start()
    for _ in range(2):
        started.clear()
        workers[-1].end()
        async with asyncio.timeout(30):
            await started.wait()
        await asyncio.sleep(0)
        assert not supervisor.exhausted.is_set()
    workers[-1].end()
    async with asyncio.timeout(30):
        await supervisor.exhausted.wait()
    supervisor.kill()
