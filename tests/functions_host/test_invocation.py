"""Invocations: threads, timeouts and a lost worker."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from functions_host.errors import WorkerLostError
from functions_host.function_metadata import BoundParameter, Function
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerData

INPUT = TriggerData(value=Datum("x", "string"))


class NoOutputs:
    async def write(self, output: BoundParameter, value: Datum, binding_data: Mapping[str, str]) -> None:
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


def invoker(timeout: float | None) -> Invoker:
    return Invoker(timeout=None if timeout is None else timedelta(seconds=timeout), writer=NoOutputs())


async def test_async_functions_share_the_loop_and_sync_ones_have_threads() -> None:
    seen: dict[str, str] = {}

    async def on_loop(msg: str) -> None:
        seen["async"] = threading.current_thread().name

    def in_thread(msg: str) -> None:
        seen["sync"] = threading.current_thread().name

    runs = invoker(None)
    for call in (on_loop, in_thread):
        assert (await runs.invoke(function(call), INPUT, "test")).succeeded
    assert seen["async"] == threading.current_thread().name
    assert seen["sync"].startswith("function_")
    assert runs.abandon() == 0


async def test_invocations_are_logged_as_by_func(caplog: pytest.LogCaptureFixture) -> None:
    async def good(msg: str) -> None: ...

    async def bad(msg: str) -> None:
        raise ValueError("deliberate")

    caplog.set_level(logging.INFO)
    runs = invoker(None)
    assert (await runs.invoke(function(good, "good"), INPUT, "because")).succeeded
    assert not (await runs.invoke(function(bad, "bad"), INPUT, "because")).succeeded
    started, ended, _, failed = caplog.messages
    assert started.startswith("Executing 'Functions.good' (Reason='because', Id=")
    assert ended.startswith("Executed 'Functions.good' (Succeeded, Id=")
    assert failed.startswith("Executed 'Functions.bad' (Failed, Id=")
    assert "ValueError: deliberate" in caplog.text
    runs.abandon()


async def test_a_value_returned_without_a_binding_for_it_fails_the_invocation() -> None:
    async def chatty(msg: str) -> str:
        return msg

    runs = invoker(None)
    assert not (await runs.invoke(function(chatty), INPUT, "test")).succeeded
    runs.abandon()


async def test_a_timeout_takes_everything_that_runs_with_it(caplog: pytest.LogCaptureFixture) -> None:
    running, never = asyncio.Event(), asyncio.Event()

    async def hangs(msg: str) -> None:
        running.set()
        await never.wait()

    runs = invoker(0.2)
    first = asyncio.create_task(runs.invoke(function(hangs, "first"), INPUT, "test"))
    await running.wait()
    second = asyncio.create_task(runs.invoke(function(hangs, "second"), INPUT, "test"))
    assert not (await first).succeeded
    assert not (await second).succeeded
    assert runs.worker_lost.is_set()
    assert "'first' exceeded the function timeout of 0.2 s" in caplog.text
    assert "'second' was running when the worker was lost" in caplog.text
    assert runs.abandon() == 2
    await asyncio.sleep(0)


async def test_an_escaping_cancellation_is_no_answer_until_the_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def cancelled(msg: str) -> None:
        raise asyncio.CancelledError

    runs = invoker(0.2)
    assert not (await runs.invoke(function(cancelled), INPUT, "test")).succeeded
    assert WorkerLostError.__name__ in caplog.text
    assert "exceeded the function timeout" in caplog.text
    assert runs.worker_lost.is_set()
    runs.abandon()


async def test_forty_blocking_calls_run_at_once_with_the_threads_of_the_real_host() -> None:
    at_once = threading.Barrier(40)

    def blocks(msg: str) -> None:
        at_once.wait(timeout=10)

    runs = Invoker(timeout=None, writer=NoOutputs(), threads=1000)
    results = await asyncio.gather(*(runs.invoke(function(blocks), INPUT, "test") for _ in range(40)))
    assert all(result.succeeded for result in results)
    runs.abandon()
