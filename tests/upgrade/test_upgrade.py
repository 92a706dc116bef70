"""Jobs over an upgrade: this version goes on with what an earlier one has stored, in each state."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_query import JobQuery
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.usecases.finalize import finalize_or_retry
from batchmgr.usecases.find_jobs import find_jobs
from batchmgr.usecases.poll import poll
from batchmgr.usecases.repair_list import repair_list
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference
from tests.upgrade.stored_world import Frozen, stored_world, thaw
from tests.world import World

FROZEN = sorted(Path(__file__).parent.glob("layout-*.json"))
ENDS = {
    "queued": JobState.SUCCEEDED,
    "submitting": JobState.SUCCEEDED,
    "in-line": JobState.SUCCEEDED,
    "running": JobState.SUCCEEDED,
    "observed": JobState.SUCCEEDED,
    "workload": JobState.SUCCEEDED,
    "per-file": JobState.SUCCEEDED,
    "cancelled": JobState.CANCELLED,
    "finalizing": JobState.SUCCEEDED,
    "calling-back": JobState.SUCCEEDED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.PARTIAL,
}


@pytest.fixture(params=FROZEN, ids=[file.stem for file in FROZEN])
def frozen(request: pytest.FixtureRequest) -> Frozen:
    """What one version has stored."""
    file: Path = request.param
    return msgspec.json.decode(file.read_bytes(), type=Frozen)


@pytest.fixture
async def world(frozen: Frozen, connection_string: str) -> AsyncIterator[World]:
    async with stored_world(connection_string) as world:
        await thaw(frozen, world, connection_string)
        yield world


async def tick(world: World) -> None:
    """Call the triggers that have something to do. The messages of the queues were lost with the upgrade."""
    for message in [m for m in world.queue.messages if m.visible_at <= world.clock.now()]:
        world.queue.messages.remove(message)
        if message.queue == "submit":
            await take_request(world.ports, encode(JobReference(stored_job_id=message.body)), "")
        elif message.queue == "finalize":
            await finalize_or_retry(world.ports, message.body, message.attempts)
    for job_id in world.batch.run():
        await finalize_or_retry(world.ports, job_id)
    await poll(world.ports)
    await world.deliveries.finish()


async def records(world: World) -> dict[str, JobRecord]:
    await repair_list(world.ports)
    page, _ = await find_jobs(world.ports, JobQuery(), 500)
    return {record.job_id: record for record in page}


async def test_every_job_is_known_after_the_upgrade(world: World, frozen: Frozen) -> None:
    found = await records(world)
    assert found.keys() == ENDS.keys()
    for job_id in found:
        assert (await world.ports.jobs.load_request(job_id)).call_back_uri
        stored = [
            blob.content.count("\n")
            for blob in frozen.blobs
            if blob.container == "batchmgr-events" and blob.name == f"{job_id}.jsonl"
        ]
        assert len(await world.ports.events.read(job_id, 0, 1000)) == sum(stored)


async def test_every_job_ends_as_it_would_have_ended_and_is_told_once(world: World) -> None:
    for _ in range(30):
        await tick(world)
        world.clock.advance(timedelta(seconds=31))
        if not [job async for job in world.ports.jobs.active_jobs()]:
            break
    found = await records(world)
    assert {job_id: record.state for job_id, record in found.items()} == ENDS
    told = [webhook_id for _, _, webhook_id in world.callbacks.received]
    assert sorted(told) == sorted(f"msg_{job_id}" for job_id in ENDS if job_id not in {"succeeded", "failed"})
    for job_id in ENDS:
        log = await world.ports.events.read(job_id, 0, 1000)
        assert [int(event.sequence) for event in log] == list(range(1, len(log) + 1))
        assert len({event.id for event in log}) == len(log)
        assert log[-1].type == f"batchmgr.job.{ENDS[job_id].value}"
