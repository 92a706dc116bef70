"""Pools and their nodes."""

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from tests.fakebatch.driving import add_job, add_task, failure_code, task_in_state, until
from tests.fakebatch.raw_http import request


async def _pool_is_steady(batch: BatchClient, pool_id: str = "hpc") -> bool:
    return (await batch.get_pool(pool_id)).allocation_state == "steady"


async def test_a_pool_grows_and_shrinks(batch: BatchClient) -> None:
    targets = models.BatchPoolResizeOptions(target_dedicated_nodes=1, target_low_priority_nodes=3)
    await (await batch.begin_resize_pool("hpc", targets, polling_interval=0)).result()
    pool = await batch.get_pool("hpc")
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (1, 3)
    nodes = [node async for node in batch.list_nodes("hpc")]
    assert sorted(node.id[-2:] for node in nodes) == ["_d", "_p", "_p", "_p"]
    assert (await batch.get_node("hpc", nodes[0].id)).state == "idle"


async def test_the_counts_of_nodes_follow_their_states(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    [counts] = [counts async for counts in batch.list_pool_node_counts(filter="poolId eq 'hpc'")]
    assert counts.dedicated is not None
    assert (counts.dedicated.running, counts.dedicated.idle, counts.dedicated.total) == (1, 1, 2)


@pytest.mark.parametrize("option", ["requeue", "terminate"])
async def test_tasks_on_nodes_that_go_are_requeued_or_ended(batch: BatchClient, option: str) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    targets = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option=option)
    await (await batch.begin_resize_pool("hpc", targets, polling_interval=0)).result()
    assert [node.id async for node in batch.list_nodes("hpc")] == []
    if option == "terminate":
        assert await failure_code(batch, "t") == "TaskEnded"
        return
    task = await batch.get_task("job", "t")
    assert (task.state, task.execution_info and task.execution_info.requeue_count) == ("active", 1)


async def test_a_pool_that_shrinks_may_wait_for_its_tasks(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    targets = models.BatchPoolResizeOptions(
        target_dedicated_nodes=0, node_deallocation_option="taskcompletion"
    )
    await batch.begin_resize_pool("hpc", targets, polling_interval=0)
    with pytest.raises(HttpResponseError, match="PoolBeingResized"):
        await batch.begin_resize_pool("hpc", targets, polling_interval=0)
    assert (await batch.get_task("job", "t")).state == "running"
    await batch.terminate_task("job", "t")
    await until(lambda: _pool_is_steady(batch))


async def test_deleting_a_pool_requeues_its_tasks(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    await (await batch.begin_delete_pool("hpc", polling_interval=0)).result()
    assert [pool.id async for pool in batch.list_pools()] == ["one"]
    assert (await batch.get_task("job", "t")).state == "active"


async def test_a_pool_exists_once_in_any_case(batch: BatchClient) -> None:
    with pytest.raises(ResourceExistsError, match="PoolExists"):
        await batch.create_pool(models.BatchPoolCreateOptions(id="HPC", vm_size="small"))


async def test_patching_a_pool_replaces_its_metadata(batch: BatchClient) -> None:
    await until(lambda: _pool_is_steady(batch))
    before = await batch.get_pool("hpc")
    metadata = [models.BatchMetadataItem(name="team", value="genomics")]
    await batch.update_pool("hpc", models.BatchPoolUpdateOptions(metadata=metadata))
    after = await batch.get_pool("hpc")
    assert after.metadata == metadata
    assert (after.last_modified > before.last_modified, after.vm_size) == (True, before.vm_size)


async def test_passwords_are_never_shown(endpoint: str) -> None:
    account = {"name": "ann", "password": "s3cret"}
    body = {"id": "p", "vmSize": "Small", "userAccounts": [account]}
    assert (await request(endpoint, "POST", "/pools", body)).status == 201
    reply = await request(endpoint, "GET", "/pools/p")
    assert reply.json["userAccounts"] == [{"name": "ann", "elevationLevel": "nonadmin"}]
    assert b"s3cret" not in reply.body


@pytest.mark.parametrize(("fills", "nodes"), [("Spread", 2), ("Pack", 1)])
async def test_tasks_are_spread_over_nodes_or_packed(batch: BatchClient, fills: str, nodes: int) -> None:
    policy = models.BatchTaskSchedulingPolicy(node_fill_type=fills)
    pool = models.BatchPoolCreateOptions(
        id="p",
        vm_size="small",
        target_dedicated_nodes=2,
        task_slots_per_node=2,
        task_scheduling_policy=policy,
    )
    await batch.create_pool(pool)
    await add_job(batch, pool_id="p")
    for task_id in ("a", "b"):
        await add_task(batch, task_id, "sleep 600")
    tasks = [await task_in_state(batch, task_id, "running") for task_id in ("a", "b")]
    assert len({task.node_info.node_id for task in tasks if task.node_info}) == nodes
