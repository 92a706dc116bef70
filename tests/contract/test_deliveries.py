"""The workers of callbacks."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.contract.port_sets import PortSet


async def test_a_callback_is_delivered_after_its_start_has_returned(port_set: PortSet) -> None:
    done = asyncio.Event()

    async def deliver() -> None:
        done.set()

    port_set.ports.deliveries.start("job", "host:443", deliver)
    assert not done.is_set()
    await port_set.finish_deliveries()
    async with asyncio.timeout(30):
        await done.wait()


async def test_a_job_is_not_in_it_twice_and_its_id_has_no_case(port_set: PortSet) -> None:
    calls: list[str] = []
    done = asyncio.Event()

    async def deliver() -> None:
        calls.append("job")
        port_set.ports.deliveries.start("Job", "host:443", deliver)

    async def deliver_another() -> None:
        done.set()

    port_set.ports.deliveries.start("job", "host:443", deliver)
    port_set.ports.deliveries.start("JOB", "host:443", deliver)
    port_set.ports.deliveries.start("another", "host:443", deliver_another)
    await port_set.finish_deliveries()
    async with asyncio.timeout(30):
        await done.wait()
    assert calls == ["job"]


async def test_what_is_started_again_while_it_is_called_is_called_once_more(port_set: PortSet) -> None:
    calls: list[str] = []
    done = asyncio.Event()

    async def deliver() -> None:
        calls.append("first")
        for name in ("second", "third"):
            port_set.ports.deliveries.start("JOB", "host:443", called(name), again=True)

    def called(name: str) -> Callable[[], Awaitable[None]]:
        async def deliver_again() -> None:
            calls.append(name)
            done.set()

        return deliver_again

    port_set.ports.deliveries.start("job", "host:443", deliver)
    await port_set.finish_deliveries()
    async with asyncio.timeout(30):
        await done.wait()
    assert calls == ["first", "second"]
