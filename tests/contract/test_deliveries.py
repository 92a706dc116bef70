"""The workers of callbacks."""

import asyncio

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
