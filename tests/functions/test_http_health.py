"""The health check: strangers learn one word, and cost nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace

import pytest

from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.errors import ServiceBusyError
from batchmgr.functions.http_health import LIFETIME_SECONDS, Health
from batchmgr.ports import Ports
from tests.fakes import FakeClock
from tests.virtual_time import VirtualTimeLoop
from tests.world import World

SECRET = "Storage answered 403: sto3f9 is not allowed for 11111111-2222"


class CountedStore(MemoryJobStore):
    """A job store that counts how often it is looked at, and takes its time."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.looks = 0
        self.error: Exception | None = None

    async def list_ids(self, limit: int, token: str) -> tuple[Sequence[str], str]:
        self.looks += 1
        await asyncio.sleep(1)
        if self.error is not None:
            raise self.error
        return await super().list_ids(limit, token)


def a_health() -> tuple[Health, CountedStore]:
    store = CountedStore()
    ports = replace(World().ports, jobs=store)

    async def opened() -> Ports:
        return ports

    return Health(opened), store


async def body(asked: Awaitable[object]) -> object:
    answer = await asked
    return json.loads(answer.get_body())  # type: ignore[attr-defined]


def in_virtual_time(story: Callable[[], Coroutine[object, object, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())


def test_a_hundred_strangers_at_once_cost_one_look_and_so_do_those_of_the_next_ten_seconds() -> None:
    async def story() -> None:
        health, store = a_health()
        answers = await asyncio.gather(*(health.status() for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
        await asyncio.sleep(LIFETIME_SECONDS - 0.1)
        await health.status()
        assert store.looks == 1
        await asyncio.sleep(0.2)
        await asyncio.gather(*(health.status() for _ in range(100)))
        assert store.looks == 2

    in_virtual_time(story)


def test_strangers_learn_one_word_and_callers_learn_why() -> None:
    async def story() -> None:
        health, store = a_health()
        store.error = ServiceBusyError(SECRET, status=403)
        assert await body(health.status()) == {"status": "unhealthy"}
        assert (await health.status()).status_code == 503
        assert SECRET in str(await body(health.details()))

    in_virtual_time(story)


def test_callers_see_what_is_now_and_strangers_then_see_it_too() -> None:
    async def story() -> None:
        health, store = a_health()
        store.error = ServiceBusyError(SECRET, status=403)
        assert (await health.status()).status_code == 503
        store.error = None
        assert (await health.status()).status_code == 503
        assert (await health.details()).status_code == 200
        assert (await health.status()).status_code == 200
        await asyncio.gather(*(health.details() for _ in range(10)))
        assert store.looks == 3

    in_virtual_time(story)


def test_a_look_that_ends_in_a_bug_is_not_kept() -> None:
    async def story() -> None:
        health, store = a_health()
        store.error = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await health.status()
        store.error = None
        assert (await health.status()).status_code == 200

    in_virtual_time(story)


def test_a_stranger_who_hangs_up_does_not_stop_the_look_of_others() -> None:
    async def story() -> None:
        health, store = a_health()
        first = asyncio.create_task(health.status())
        await asyncio.sleep(0.5)
        second = asyncio.create_task(health.status())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).status_code == 200
        assert store.looks == 1

    in_virtual_time(story)
