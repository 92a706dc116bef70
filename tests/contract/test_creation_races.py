"""Eight processes create the same thing at once: it exists once, and none of them fails."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.ids import job_container
from batchmgr.ports import Ports
from batchmgr.wire.job_message import JobMessage
from tests.contract.port_sets import PortSet
from tests.contract.test_event_log import event
from tests.contract.test_job_store import record
from tests.event_log import append

OWN = ContainerNeed(container_name=job_container("job-1"), is_written=True)
T = TypeVar("T")


async def raced(create: Callable[[int], Awaitable[T]]) -> list[T]:
    """What each of the creators gets."""
    return await asyncio.gather(*(create(number) for number in range(8)))


async def test_a_request_is_stored_once(ports: Ports) -> None:
    stored = await raced(lambda n: ports.jobs.save_request("job-1", JobMessage(workload=f"w{n}")))
    before = [message for message in stored if message is not None]
    assert len(before) == 7
    assert set(map(repr, before)) == {repr(await ports.jobs.load_request("job-1"))}


async def test_the_tasks_of_a_job_are_stored_once(ports: Ports) -> None:
    stored = await raced(lambda n: ports.jobs.save_tasks("job-1", f"tasks {n}".encode()))
    assert set(stored) == {await ports.jobs.load_tasks("job-1")}


async def test_a_record_is_created_once(ports: Ports) -> None:
    created = await raced(lambda n: ports.jobs.create(record(ports)))
    assert {job.etag for job in created} == {(await ports.jobs.load("job-1")).etag}


async def test_a_job_is_deactivated_by_several(ports: Ports) -> None:
    await raced(lambda n: ports.jobs.activate("job-1"))
    assert [job.job_id async for job in ports.jobs.active_jobs()] == ["job-1"]
    await raced(lambda n: ports.jobs.deactivate("job-1"))
    assert [job.job_id async for job in ports.jobs.active_jobs()] == []


async def test_the_log_of_a_job_is_created_once_and_holds_every_event_once(ports: Ports) -> None:
    await raced(lambda n: append(ports.events, "job-1", [event(f"e{n}"), event("same")], 0))
    logged = await ports.events.read("job-1", 0, 100)
    assert sorted(one.id for one in logged) == sorted(["same", *(f"e{n}" for n in range(8))])
    assert [int(one.sequence) for one in logged] == list(range(1, 10))


async def test_a_finalize_blob_is_written_once(port_set: PortSet) -> None:
    await raced(lambda n: port_set.ports.finalize.write("job-1", f"{n}"))
    assert await port_set.finalize_blob("job-1") in set(map(str, range(8)))


async def test_a_container_of_a_job_is_created_once_and_a_file_in_it_is_written_once(ports: Ports) -> None:
    hour = timedelta(hours=1)
    await raced(lambda n: ports.storage.grant_access([OWN], hour, nodes_have_identity=False))
    await raced(lambda n: ports.files.write("job-1", "manifest.json", f"{n}".encode()))
    assert await ports.files.read("job-1", "manifest.json", 100) in {f"{n}".encode() for n in range(8)}
