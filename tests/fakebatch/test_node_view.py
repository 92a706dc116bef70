"""The JSON of a node."""

from typing import Any

from azure.batch.aio import BatchClient

from tests.fakebatch.driving import (
    add_job,
    add_task,
    end_job,
    ended,
    job_in_state,
    shell,
    task_in_state,
    until,
)
from tests.fakebatch.raw_http import request

_IMAGE = {"publisher": "p", "offer": "o", "sku": "s", "version": "1.2.3"}
_NAT = {
    "name": "web",
    "protocol": "tcp",
    "backendPort": 8080,
    "frontendPortRangeStart": 60000,
    "frontendPortRangeEnd": 60100,
}


async def _node(batch: BatchClient, pool_id: str = "one", *, index: int = 0) -> dict[str, Any]:
    return [node.as_dict() async for node in batch.list_nodes(pool_id)][index]


async def test_a_new_node_has_an_agent_and_has_run_no_task(batch: BatchClient) -> None:
    node = await _node(batch)
    assert set(node["nodeAgentInfo"]) == {"version", "lastUpdateTime"}
    assert "recentTasks" not in node
    assert (node["totalTasksRun"], node["totalTasksSucceeded"]) == (0, 0)
    assert node["virtualMachineInfo"] == {}


async def test_a_node_tells_its_image_and_its_endpoints(endpoint: str, batch: BatchClient) -> None:
    body = {
        "id": "p",
        "vmSize": "small",
        "targetDedicatedNodes": 2,
        "virtualMachineConfiguration": {
            "imageReference": _IMAGE,
            "nodeAgentSKUId": "batch.node.ubuntu 22.04",
        },
        "networkConfiguration": {"endpointConfiguration": {"inboundNATPools": [_NAT]}},
    }
    assert (await request(endpoint, "POST", "/pools", body)).status == 201

    async def has_nodes() -> bool:
        return len([node async for node in batch.list_nodes("p")]) == 2

    await until(has_nodes)
    nodes = [await _node(batch, "p", index=index) for index in range(2)]
    assert nodes[0]["virtualMachineInfo"]["imageReference"] == {**_IMAGE, "exactVersion": "1.2.3"}
    shown = {
        (each["name"], each["publicIPAddress"], each["frontendPort"], each["backendPort"])
        for node in nodes
        for each in node["endpointConfiguration"]["inboundEndpoints"]
    }
    first, second = sorted(node["ipAddress"] for node in nodes)
    assert shown == {
        ("web.0", first, 60000, 8080),
        ("SSHRule.0", first, 50000, 22),
        ("web.1", second, 60001, 8080),
        ("SSHRule.1", second, 50001, 22),
    }


async def test_the_tasks_that_began_or_ended_last_come_first(endpoint: str, batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    for number in range(11):
        await add_task(batch, f"t{number}", shell(f"exit {number % 2}"))
        await ended(batch, f"t{number}")
    await add_task(batch, "last", "sleep 600")
    await task_in_state(batch, "last", "running")
    node = await _node(batch)
    recent = node["recentTasks"]
    assert [task["taskId"] for task in recent] == ["last", *(f"t{number}" for number in range(10, 1, -1))]
    assert [task["taskState"] for task in recent[:2]] == ["running", "completed"]
    assert recent[1]["taskUrl"] == f"{endpoint}/jobs/job/tasks/t10"
    assert recent[2]["executionInfo"]["exitCode"] == 1
    assert (node["totalTasksRun"], node["totalTasksSucceeded"]) == (11, 6)
    await batch.delete_task("job", "t10")
    assert "t10" not in [task["taskId"] for task in (await _node(batch))["recentTasks"]]


async def test_only_tasks_that_completed_on_a_node_are_counted(batch: BatchClient) -> None:
    await add_job(batch, pool_id="one")
    await add_task(batch, "ended", "sleep 600")
    await task_in_state(batch, "ended", "running")
    await batch.terminate_task("job", "ended")
    await add_task(batch, "taken", "sleep 600")
    await task_in_state(batch, "taken", "running")
    node = await _node(batch)
    assert (node["totalTasksRun"], node["totalTasksSucceeded"]) == (1, 0)
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")
    assert (await _node(batch))["totalTasksRun"] == 2


async def test_subtasks_are_among_the_recent_tasks_of_their_nodes(endpoint: str, batch: BatchClient) -> None:
    pool = {"id": "mpi", "vmSize": "s", "targetDedicatedNodes": 2, "enableInterNodeCommunication": True}
    assert (await request(endpoint, "POST", "/pools", pool)).status == 201
    await add_job(batch, pool_id="mpi")
    settings = {"numberOfInstances": 2, "coordinationCommandLine": "true"}
    task = {"id": "m", "commandLine": "true", "multiInstanceSettings": settings}
    assert (await request(endpoint, "POST", "/jobs/job/tasks", task)).status == 201
    await ended(batch, "m")
    found = [(await _node(batch, "mpi", index=index))["recentTasks"] for index in range(2)]
    assert sorted(task.get("subtaskId", 0) for [task] in found) == [0, 1]
    assert {task["taskState"] for [task] in found} == {"completed"}
    assert {task["executionInfo"]["exitCode"] for [task] in found} == {0}
