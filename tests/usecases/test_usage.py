"""A job knows what its tasks have used, each once, and what that has cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from batchmgr.dispatcher.memory_job import NODE_ID
from batchmgr.errors import ServiceBusyError
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot
from batchmgr.model.price_table import PriceTable, SizePrices
from batchmgr.wire.job_answers import job, outcome
from batchmgr.wire.job_message import AutoPoolMessage, ImageReferenceMessage, JobMessage
from tests.world import World, job_message, task

PRICES = PriceTable(
    currency="EUR",
    region="westeurope",
    as_of=datetime(2026, 11, 1, tzinfo=UTC),
    sizes={"Standard_D4s_v3": SizePrices(dedicated=3600.0, spot=360.0)},
)
JOB = job_message(task("count-1"), task("count-2"), task("merge", "true", "count-1", "count-2"))
AUTO_POOL = AutoPoolMessage(
    vm_size="standard_d4s_v3",
    image=ImageReferenceMessage(publisher="p", offer="o", sku="s"),
    node_agent_sku_id="batch.node.ubuntu 22.04",
    target_dedicated_nodes=1,
    task_slots_per_node=4,
)


def world_with(**pool: Any) -> World:
    """A world with a pool like this, and prices. Each task takes a millisecond."""
    world = World()
    described = {"vm_size": "standard_d4s_v3", "has_dedicated": True, **pool}
    world.batch.pool = msgspec.structs.replace(world.batch.pool, **described)
    world.ports = replace(world.ports, prices=PRICES)
    return world


async def usage_of(world: World, job: JobMessage) -> dict[str, Any]:
    world.enqueue(job)
    await world.run_until_idle()
    usage: dict[str, Any] = outcome(world.record())["usage"]
    return usage


async def test_result_and_callback_tell_what_each_kind_has_used() -> None:
    world = world_with()
    usage = await usage_of(world, JOB)
    assert {one["kind"]: one["tasks"] for one in usage["kinds"]} == {
        "count": 2,
        "merge": 1,
        "FinalizeTask": 1,
    }
    assert usage["tasks"] == 4
    assert usage["vmSize"] == "standard_d4s_v3"
    assert usage["taskSeconds"] > 0
    hours = usage["nodeHoursUsed"]["dedicated"]
    assert usage["cost"]["used"] == pytest.approx(usage["slotSeconds"] / 4 / 3600 * 3600)
    assert hours == pytest.approx(usage["slotSeconds"] / 4 / 3600, abs=1e-4)
    (_, body, _) = world.callbacks.received[0]
    assert body.output["usage"] == usage


async def test_tasks_that_wait_for_others_have_no_waits() -> None:
    assert "meanWaitSeconds" not in await usage_of(world_with(), JOB)
    waits = await usage_of(world_with(), job_message(task("a"), task("b")))
    assert waits["meanWaitSeconds"] >= 0


async def test_the_nodes_of_a_mixed_pool_are_told_apart() -> None:
    world = world_with(has_spot=True)
    world.batch.nodes = [NodeSnapshot(node_id=NODE_ID, state="idle", is_spot=True)]
    usage = await usage_of(world, job_message(task("a")))
    assert usage["cost"]["used"] == pytest.approx(usage["slotSeconds"] / 4 * 0.1)


async def test_nodes_that_are_gone_are_unknown_and_have_no_cost() -> None:
    world = world_with(has_spot=True)
    listed = world.batch.list_nodes

    async def gone(pool_id: str) -> Any:
        if not world.batch.jobs["job-1"].ends_when_done:
            return
        async for node in listed(pool_id):
            yield msgspec.structs.replace(node, node_id="other")

    world.batch.list_nodes = gone  # type: ignore[method-assign]
    usage = await usage_of(world, job_message(task("a")))
    assert usage["taskSeconds"] > 0
    assert "cost" not in usage


async def test_a_pool_that_cannot_be_read_does_not_hold_the_job_up() -> None:
    world = world_with()

    async def busy(pool_id: str) -> PoolSnapshot:
        raise ServiceBusyError("too many requests", code="TooManyRequests")

    world.batch.get_pool = busy  # type: ignore[method-assign]
    usage = await usage_of(world, JOB)
    assert usage["tasks"] == 4
    assert not {"vmSize", "cost", "coreHours"} & usage.keys()


async def test_a_pool_of_the_jobs_own_is_held_while_it_is_there() -> None:
    world = world_with()
    world.batch.pools.add("auto")
    get_job = world.batch.get_job

    async def with_pool(job_id: str) -> BatchJob:
        return msgspec.structs.replace(await get_job(job_id), pool_id="auto")

    world.batch.get_job = with_pool  # type: ignore[method-assign]
    run, world.batch.run = world.batch.run, list  # type: ignore[method-assign]
    world.enqueue(msgspec.structs.replace(job_message(task("a")), pool_id="", auto_pool=AUTO_POOL))
    for _ in range(600):
        await world.tick()
    world.batch.run = run  # type: ignore[method-assign]
    await world.run_until_idle()
    usage = outcome(world.record())["usage"]
    assert 550 / 3600 <= usage["nodeHoursIdle"]["dedicated"] <= 620 / 3600
    assert 550 <= usage["cost"]["idle"] <= 620
    assert usage["utilisation"] < 0.01
    assert job(world.record(), "").pool_id == ""


async def test_a_job_that_has_ended_keeps_its_price() -> None:
    world = world_with()
    before = await usage_of(world, JOB)
    world.ports = replace(world.ports, prices=None)
    await world.clock.sleep(timedelta(days=1))
    assert outcome(world.record())["usage"] == before


async def test_the_time_of_attempts_that_were_lost_is_counted_as_far_as_polls_have_seen_them() -> None:
    world = world_with()
    world.enqueue(job_message(task("a"), task("b")))
    run, world.batch.run = world.batch.run, list  # type: ignore[method-assign]
    await world.tick()
    assert world.batch.start_next_task("job-1") is not None
    for _ in range(60):
        await world.tick()
    task_a = world.batch.jobs["job-1"].snapshots["a"]
    assert task_a.state == "running"
    requeued = {"state": "active", "requeue_count": 1, "last_requeue_time": world.clock.now()}
    moved = {"state_transition_time": world.clock.now(), "start_time": None}
    world.batch.jobs["job-1"].set(msgspec.structs.replace(task_a, **requeued, **moved))
    world.batch.run = run  # type: ignore[method-assign]
    await world.run_until_idle()
    (kind,) = [one for one in outcome(world.record())["usage"]["kinds"] if one["kind"] == "a"]
    assert (kind["lostAttempts"], kind["lostSeen"]) == (1, 1)
    assert 50 <= kind["lostSeconds"] <= 65
