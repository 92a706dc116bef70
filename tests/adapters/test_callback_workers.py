"""Workers that deliver callbacks: bounded in all, bounded for each receiver, and fair."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from functools import partial

import pytest

from batchmgr.adapters.callback_workers import (
    MOST_WAITING,
    MOST_WAITING_PER_RECEIVER,
    CallbackWorkers,
)
from batchmgr.bootstrap import open_ports
from batchmgr.settings import Settings
from batchmgr.wire.adf_callback import AdfCallback
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

_trace: ContextVar[str] = ContextVar("trace", default="")


class Calls:
    """Calls that hang until they are released, in the order of their begin."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def named(self, name: str) -> Callable[[], Awaitable[None]]:
        gate = self._gates.setdefault(name, asyncio.Event())

        async def call() -> None:
            self.begun.append(name)
            await gate.wait()

        return call

    async def release(self, *names: str) -> None:
        for name in names or list(self._gates):
            self._gates[name].set()
        await turns()

    async def until_begun(self, number: int) -> None:
        """Wait until this many have begun, and let more begin if they can."""
        async with asyncio.timeout(60):
            while len(self.begun) < number:
                await turns()
        await turns()
        assert len(self.begun) == number


async def turns() -> None:
    """Let the event loop do what it can do at once."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def workers() -> AsyncIterator[CallbackWorkers]:
    async with CallbackWorkers(most=4, most_per_receiver=2) as made:
        yield made


async def test_a_receiver_with_few_calls_comes_before_one_with_many(workers: CallbackWorkers) -> None:
    calls = Calls()
    for name in ("a1", "a2", "a3", "b1", "c1", "c2", "d1", "b2"):
        workers.start(name, name[0], calls.named(name))
    await turns()
    assert calls.begun == ["a1", "a2", "b1", "c1"]
    await calls.release("a1")
    assert calls.begun[4:] == ["d1"]
    await calls.release("c1")
    assert calls.begun[5:] == ["c2"]
    await calls.release("a2", "b1")
    assert calls.begun[6:] == ["a3", "b2"]


async def test_of_equals_the_one_that_has_waited_longest_comes_first(workers: CallbackWorkers) -> None:
    calls = Calls()
    for name in ("a1", "b1", "c1", "d1", "a2", "b2", "e1"):
        workers.start(name, name[0], calls.named(name))
    await turns()
    await calls.release("a1")
    assert calls.begun[4:] == ["e1"]
    await calls.release("b1")
    assert calls.begun[5:] == ["a2"]
    await calls.release("c1")
    assert calls.begun[6:] == ["b2"]


async def test_a_job_is_never_twice_in_it_and_may_come_again_afterwards(workers: CallbackWorkers) -> None:
    calls = Calls()
    for job_id in ("job", "JOB", "job"):
        workers.start(job_id, "a", calls.named("first"))
    await turns()
    workers.start("job", "a", calls.named("second"))
    await turns()
    assert calls.begun == ["first"]
    await calls.release("first")
    assert calls.begun == ["first"]
    workers.start("job", "a", calls.named("again"))
    await turns()
    assert calls.begun == ["first", "again"]


async def test_what_does_not_fit_is_left_to_the_poller_and_takes_no_place_of_others(
    workers: CallbackWorkers,
) -> None:
    calls = Calls()
    for number in range(MOST_WAITING_PER_RECEIVER + 10):
        workers.start(f"a{number}", "a", calls.named(f"a{number}"))
    workers.start("b", "b", calls.named("b"))
    await turns()
    assert calls.begun == ["a0", "a1", "b"]
    await calls.release()
    await calls.until_begun(2 + MOST_WAITING_PER_RECEIVER + 1)
    workers.start("a209", "a", calls.named("a209"))
    await turns()
    assert calls.begun[-1] == "a209"


async def test_what_waits_is_bounded_whatever_the_number_of_receivers(workers: CallbackWorkers) -> None:
    calls = Calls()
    for number in range(MOST_WAITING + 100):
        workers.start(f"{number}", f"{number}", calls.named(f"{number}"))
    await calls.release()
    await calls.until_begun(4 + MOST_WAITING)


async def test_a_call_that_raises_gives_its_place_to_the_next(
    workers: CallbackWorkers, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise KeyError("a bug")

    calls = Calls()
    for number in range(10):
        workers.start(f"broken-{number}", "a", broken)
    workers.start("good", "a", calls.named("good"))
    for _ in range(5):
        await turns()
    assert calls.begun == ["good"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 10


async def test_a_call_is_made_in_the_context_of_its_start(workers: CallbackWorkers) -> None:
    seen: list[str] = []

    async def look() -> None:
        seen.append(_trace.get())

    for name in ("one", "two", "three"):
        _trace.set(name)
        workers.start(name, "a", look)
    _trace.set("another")
    await turns()
    await turns()
    assert seen == ["one", "two", "three"]


async def test_when_it_is_closed_what_is_under_way_is_cancelled_and_nothing_else_begins() -> None:
    calls, ended = Calls(), []

    async def call() -> None:
        try:
            await calls.named("under way")()
        finally:
            await asyncio.sleep(0)  # as a connection that is closed
            ended.append("cancelled")

    async with CallbackWorkers(most=1) as workers:
        workers.start("1", "a", call)
        workers.start("2", "a", calls.named("waits"))
        await turns()
    assert ended == ["cancelled"]
    workers.start("3", "a", calls.named("late"))
    await turns()
    assert calls.begun == ["under way"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_ports_close_while_a_receiver_hangs_and_leave_no_connection_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connected, gone = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()
        gone.set()

    settings = Settings(
        storage_connection_string=f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={ACCOUNT_KEY};"
        "BlobEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a",
        batch_endpoint="http://127.0.0.1:9",
        batch_account=ACCOUNT_NAME,
        batch_key=ACCOUNT_KEY,
        allow_loopback_callbacks=True,
    )
    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server, asyncio.timeout(20):
        uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        body = AdfCallback(output={}, status_code="200")
        async with open_ports(settings) as ports:
            send = partial(ports.callbacks.send, uri, body, "msg_job", timedelta(seconds=30))
            ports.deliveries.start("job", "127.0.0.1", send)
            await connected.wait()
        await gone.wait()
    assert caplog.records == []
