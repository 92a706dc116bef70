"""Nodes: how they start, what users can do with them, and what happens to their tasks."""

from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.fakebatch.driving import (
    add_job,
    add_task,
    all_dead,
    ended,
    file_exists,
    shell,
    task_in_state,
    text_of,
    until,
)
from tests.fakebatch.raw_http import request

# The models of some options are not public, and the client fails without options.
_REIMAGE: Any = {"nodeReimageOption": "requeue"}
_DEALLOCATE: Any = {"nodeDeallocateOption": "requeue"}
_DISABLE = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")


_POOLS = ("hpc", "one")


async def _add_pool(batch: BatchClient, command_line: str, nodes: int = 1, **start: Any) -> None:
    start_task = models.BatchStartTask(command_line=command_line, **start)
    pool = models.BatchPoolCreateOptions(
        id="p", vm_size="small", target_dedicated_nodes=nodes, task_slots_per_node=2, start_task=start_task
    )
    await batch.create_pool(pool)


async def _node(batch: BatchClient, pool_id: str = "one") -> models.BatchNode:
    [node] = [node async for node in batch.list_nodes(pool_id)]
    return node


async def _node_in_state(batch: BatchClient, state: str, pool_id: str = "one") -> models.BatchNode:
    """Return the only node of a pool when it is in the state."""

    async def reached() -> bool:
        return [node.state async for node in batch.list_nodes(pool_id)] == [state]

    await until(reached)
    return await _node(batch, pool_id)


async def test_a_node_takes_tasks_once_its_start_task_succeeded(batch: BatchClient, tmp_path: Path) -> None:
    await _add_pool(batch, shell(f"while ! test -e {tmp_path}/go; do sleep 0.01; done; echo hi > ../made"))
    node = await _node_in_state(batch, "waitingforstarttask", "p")
    assert node.start_task_info is not None
    assert node.start_task_info.state == "running"
    await add_job(batch, pool_id="p")
    await add_task(batch, "t", shell("cat $AZ_BATCH_NODE_STARTUP_DIR/made"))
    assert (await batch.get_task("job", "t")).state == "active"
    (tmp_path / "go").touch()
    await ended(batch, "t")
    assert await text_of(batch, "t") == "hi\n"
    info = (await _node(batch, "p")).start_task_info
    assert info is not None
    assert (info.state, info.exit_code, info.result) == ("completed", 0, "success")


async def test_a_node_whose_start_task_fails_takes_no_tasks(batch: BatchClient) -> None:
    await _add_pool(batch, "false", max_task_retry_count=2)
    node = await _node_in_state(batch, "starttaskfailed", "p")
    info = node.start_task_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.retry_count, info.exit_code, info.failure_info.code) == (2, 1, "FailureExitCode")
    assert info.last_retry_time == info.start_time
    await add_job(batch, pool_id="p")
    await add_task(batch, "t")
    assert (await batch.get_task("job", "t")).state == "active"


async def test_a_start_task_that_is_not_waited_for_may_fail(batch: BatchClient) -> None:
    await _add_pool(batch, "false", wait_for_success=False)
    await add_job(batch, pool_id="p")
    await add_task(batch, "t")
    assert (await ended(batch, "t")).exit_code == 0


async def test_a_start_task_has_its_own_environment_and_no_job(batch: BatchClient) -> None:
    own = [models.EnvironmentSetting(name="MINE", value="yes")]
    await _add_pool(batch, shell("env > seen"), environment_settings=own)
    await _node_in_state(batch, "idle", "p")
    await add_job(batch, pool_id="p")
    await add_task(batch, "t", shell("cat $AZ_BATCH_NODE_STARTUP_DIR/wd/seen"))
    await ended(batch, "t")
    seen = dict(line.split("=", 1) for line in (await text_of(batch, "t")).splitlines())
    assert seen["MINE"] == "yes"
    assert seen["AZ_BATCH_TASK_WORKING_DIR"] == f"{seen['AZ_BATCH_NODE_STARTUP_DIR']}/wd"
    assert not {"AZ_BATCH_JOB_ID", "AZ_BATCH_TASK_ID"} & set(seen)


async def test_a_rebooted_node_runs_its_start_task_again_and_keeps_its_files(batch: BatchClient) -> None:
    await _add_pool(batch, shell("echo boot >> boots"))
    before = await _node_in_state(batch, "idle", "p")
    await (await batch.begin_reboot_node("p", before.id, _rebooting("requeue"), polling_interval=0)).result()
    after = await _node_in_state(batch, "idle", "p")
    assert after.last_boot_time > before.last_boot_time
    await add_job(batch, pool_id="p")
    await add_task(batch, "t", shell("cat $AZ_BATCH_NODE_STARTUP_DIR/wd/boots"))
    await ended(batch, "t")
    assert await text_of(batch, "t") == "boot\nboot\n"


async def test_a_reimaged_node_has_lost_its_files(batch: BatchClient) -> None:
    await _add_pool(batch, shell("echo boot >> boots"))
    node = await _node_in_state(batch, "idle", "p")
    await (await batch.begin_reimage_node("p", node.id, _REIMAGE, polling_interval=0)).result()
    await _node_in_state(batch, "idle", "p")
    await add_job(batch, pool_id="p")
    await add_task(batch, "t", shell("cat $AZ_BATCH_NODE_STARTUP_DIR/wd/boots"))
    await ended(batch, "t")
    assert await text_of(batch, "t") == "boot\n"


@pytest.mark.parametrize(
    ("option", "state", "requeues"), [("requeue", "running", 1), ("terminate", "completed", 0)]
)
async def test_a_reboot_kills_what_runs_on_the_node(
    batch: BatchClient, option: str, state: str, requeues: int
) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", shell("sleep 600 & echo $! > pid.new; mv pid.new pid; wait"))
    await until(lambda: _has_file(batch, "wd/pid"))
    pid = int(await text_of(batch, "t", "wd/pid"))
    node = await _node(batch)
    options = _rebooting(option)
    await batch.begin_reboot_node("one", node.id, options, polling_interval=0)
    await all_dead([pid])

    async def settled() -> bool:
        task = await batch.get_task("job", "t")
        assert task.execution_info is not None
        return (task.state, task.execution_info.requeue_count) == (state, requeues)

    await until(settled)


def _rebooting(option: str) -> Any:
    return {"nodeRebootOption": option}


def _exists(path: Path) -> bool:
    return path.exists()


async def _has_file(batch: BatchClient, path: str) -> bool:
    try:
        return await file_exists(batch, "t", path)
    except HttpResponseError:
        return False


async def test_a_reboot_may_wait_for_the_tasks_of_the_node(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    node = await _node(batch)
    options = _rebooting("taskcompletion")
    await batch.begin_reboot_node("one", node.id, options, polling_interval=0)
    await add_task(batch, "later")
    with pytest.raises(HttpResponseError, match="NodeBeingRebooted"):
        await batch.begin_reboot_node("one", node.id, options, polling_interval=0)
    assert (await batch.get_task("job", "t")).state == "running"
    assert (await batch.get_task("job", "later")).state == "active"
    await batch.terminate_task("job", "t")
    assert (await ended(batch, "later")).exit_code == 0


async def test_a_node_is_deallocated_and_started_again(batch: BatchClient) -> None:
    node = await _node_in_state(batch, "idle")
    await (await batch.begin_deallocate_node("one", node.id, _DEALLOCATE, polling_interval=0)).result()
    await _node_in_state(batch, "deallocated")
    await add_job(batch, pool_id="one")
    await add_task(batch, "t")
    with pytest.raises(HttpResponseError, match="OperationNotValidOnNode"):
        await batch.begin_reboot_node("one", node.id, _rebooting("requeue"), polling_interval=0)
    await (await batch.begin_start_node("one", node.id, polling_interval=0)).result()
    assert (await ended(batch, "t")).exit_code == 0


async def test_a_node_takes_tasks_only_while_scheduling_is_enabled(batch: BatchClient) -> None:
    node = await _node_in_state(batch, "idle")
    await batch.disable_node_scheduling("one", node.id, _DISABLE)
    with pytest.raises(HttpResponseError, match="NodeAlreadyInTargetSchedulingState"):
        await batch.disable_node_scheduling("one", node.id, _DISABLE)
    offline = await _node_in_state(batch, "offline")
    assert offline.scheduling_state == "disabled"
    await add_job(batch, pool_id="one")
    await add_task(batch, "t")
    assert (await batch.get_task("job", "t")).state == "active"
    await batch.enable_node_scheduling("one", node.id)
    assert (await ended(batch, "t")).exit_code == 0


@pytest.mark.parametrize(
    ("option", "state"), [("requeue", "active"), ("terminate", "completed"), ("taskcompletion", "running")]
)
async def test_what_runs_when_scheduling_is_disabled_ends_as_asked(
    batch: BatchClient, option: str, state: str
) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    node = await _node(batch)
    options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option=option)
    await batch.disable_node_scheduling("one", node.id, options)
    await task_in_state(batch, "t", state)
    assert (await _node(batch)).state == ("running" if state == "running" else "offline")


async def test_removed_nodes_are_gone_with_their_files_and_the_pool_is_smaller(
    batch: BatchClient, tmp_path: Path
) -> None:
    await add_job(batch)
    await add_task(batch, "t", "sleep 600")
    task = await task_in_state(batch, "t", "running")
    assert task.node_info is not None
    gone = str(task.node_info.node_id)
    options = models.BatchNodeRemoveOptions(node_ids=[gone], node_deallocation_option="terminate")
    await (await batch.begin_remove_nodes("hpc", options, polling_interval=0)).result()
    pool = await batch.get_pool("hpc")
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (1, 1)
    assert gone not in [node.id async for node in batch.list_nodes("hpc")]
    with pytest.raises(ResourceNotFoundError):
        await text_of(batch, "t")

    async def removed() -> bool:
        return not _exists(tmp_path / "nodes" / "hpc" / gone)

    await until(removed)


async def test_nodes_that_do_not_exist_cannot_be_removed(batch: BatchClient) -> None:
    options = models.BatchNodeRemoveOptions(node_ids=["tvmps_none"])
    with pytest.raises(ResourceNotFoundError, match="NodeNotFound"):
        await batch.begin_remove_nodes("hpc", options, polling_interval=0)


async def test_a_resize_that_is_stopped_leaves_the_pool_as_it_is(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "t", "sleep 600")
    await task_in_state(batch, "t", "running")
    targets = models.BatchPoolResizeOptions(
        target_dedicated_nodes=0, node_deallocation_option="taskcompletion"
    )
    await batch.begin_resize_pool("one", targets, polling_interval=0)
    before = (await batch.get_pool("one")).etag
    await (await batch.begin_stop_pool_resize("one", polling_interval=0)).result()
    pool = await batch.get_pool("one")
    assert (pool.allocation_state, pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (
        "steady",
        0,
        1,
    )
    assert [error.code for error in pool.resize_errors or ()] == ["ResizeStopped"]
    assert pool.etag == before
    await batch.terminate_task("job", "t")
    await add_task(batch, "next")
    assert (await ended(batch, "next")).exit_code == 0


async def test_properties_that_are_replaced_are_cleared_where_not_given(
    batch: BatchClient, endpoint: str
) -> None:
    await _add_pool(batch, "true")
    body = {"applicationPackageReferences": [], "metadata": [{"name": "a", "value": "b"}]}
    reply = await request(endpoint, "POST", "/pools/p/updateproperties", body)
    assert (reply.status, "ETag" in reply.headers) == (204, True)
    pool = (await request(endpoint, "GET", "/pools/p")).json
    assert pool["metadata"] == body["metadata"]
    assert "startTask" not in pool
    assert (
        await request(endpoint, "POST", "/pools/p/updateproperties", {})
    ).code == "MissingRequiredProperty"


async def test_a_node_that_cannot_mount_is_unusable(endpoint: str, batch: BatchClient) -> None:
    mount = {
        "azureBlobFileSystemConfiguration": {
            "accountName": "a",
            "accountKey": "s3cret",
            "containerName": "c",
            "relativeMountPath": "m",
        }
    }
    body = {"id": "p", "vmSize": "small", "targetDedicatedNodes": 1, "mountConfiguration": [mount]}
    assert (await request(endpoint, "POST", "/pools", body)).status == 201
    assert b"s3cret" not in (await request(endpoint, "GET", "/pools/p")).body
    node = await _node_in_state(batch, "unusable", "p")
    assert [error.code for error in node.errors or ()] == ["MountConfigurationError"]


async def test_a_task_goes_to_the_node_it_has_an_affinity_to(batch: BatchClient) -> None:
    await add_job(batch)
    for node in [node async for node in batch.list_nodes("hpc")]:
        affinity = models.BatchAffinityInfo(affinity_id=str(node.affinity_id))
        for number in range(2):
            task_id = f"t{number}-{node.id[-8:]}"
            await add_task(batch, task_id, "sleep 600", affinity_info=affinity)
            task = await task_in_state(batch, task_id, "running")
            assert task.node_info is not None
            assert task.node_info.node_id == node.id


async def test_every_node_has_an_address_of_its_own(batch: BatchClient) -> None:
    await _node_in_state(batch, "idle")
    nodes = [node for pool_id in _POOLS async for node in batch.list_nodes(pool_id)]
    assert len({node.ip_address for node in nodes}) == len(nodes) == 3
