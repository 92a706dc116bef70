"""Tasks that run on several nodes at once."""

from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient

from tests.fakebatch.driving import (
    add_job,
    add_task,
    all_dead,
    ended,
    failure_code,
    shell,
    task_in_state,
    text_of,
    until,
)


async def _add_pool(batch: BatchClient, nodes: int = 3, **options: Any) -> None:
    settings = {"enable_inter_node_communication": True, "task_slots_per_node": 1, **options}
    pool = models.BatchPoolCreateOptions(id="mpi", vm_size="small", target_dedicated_nodes=nodes, **settings)
    await batch.create_pool(pool)
    await add_job(batch, pool_id="mpi")


def _on(nodes: int, coordination: str = "true", **options: Any) -> models.MultiInstanceSettings:
    return models.MultiInstanceSettings(
        number_of_instances=nodes, coordination_command_line=coordination, **options
    )


def _variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


async def test_all_nodes_are_coordinated_before_the_primary_runs_the_task(
    batch: BatchClient, tmp_path: Path
) -> None:
    await _add_pool(batch)
    coordination = shell(f"env > {tmp_path}/$AZ_BATCH_NODE_ID.env")
    command = shell(f"ls {tmp_path} | grep -c env; echo $AZ_BATCH_IS_CURRENT_NODE_MASTER")
    await add_task(batch, "t", command, multi_instance_settings=_on(3, coordination))
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "3\ntrue\n"
    seen = [_variables(path.read_text()) for path in _files(tmp_path)]
    addresses = {node.id: node.ip_address async for node in batch.list_nodes("mpi")}
    for variables in seen:
        hosts = variables["AZ_BATCH_HOST_LIST"].split(",")
        assert sorted(hosts) == sorted(addresses.values())
        assert variables["AZ_BATCH_NODE_LIST"].split(";") == hosts
        assert variables["CCP_NODES"] == f"3 {hosts[0]} 1 {hosts[1]} 1 {hosts[2]} 1"
        assert variables["AZ_BATCH_MASTER_NODE"] == f"{hosts[0]}:6000"
        is_master = addresses[variables["AZ_BATCH_NODE_ID"]] == hosts[0]
        assert variables["AZ_BATCH_IS_CURRENT_NODE_MASTER"] == str(is_master).lower()
    assert len({variables["AZ_BATCH_TASK_SHARED_DIR"] for variables in seen}) == 1
    assert len({variables["AZ_BATCH_TASK_WORKING_DIR"] for variables in seen}) == 3


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.env"))


async def test_subtasks_are_shown_with_their_nodes(batch: BatchClient) -> None:
    await _add_pool(batch)
    await add_task(batch, "t", multi_instance_settings=_on(3))
    await ended(batch, "t")
    task = await batch.get_task("job", "t")
    assert task.node_info is not None
    subtasks = [subtask async for subtask in batch.list_subtasks("job", "t")]
    assert [(subtask.id, subtask.state, subtask.exit_code, subtask.result) for subtask in subtasks] == [
        (1, "completed", 0, "success"),
        (2, "completed", 0, "success"),
    ]
    nodes = {subtask.node_info.node_id for subtask in subtasks if subtask.node_info}
    assert len(nodes | {task.node_info.node_id}) == 3


async def test_other_tasks_have_no_subtasks(batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "t")
    assert [subtask async for subtask in batch.list_subtasks("job", "t")] == []


async def test_what_coordination_leaves_running_lives_as_long_as_the_task(
    batch: BatchClient, tmp_path: Path
) -> None:
    await _add_pool(batch, 2)
    coordination = shell(f"sleep 600 & echo $! >> {tmp_path}/pids")
    command = shell(f"for pid in $(cat {tmp_path}/pids); do kill -0 $pid && echo alive; done")
    await add_task(batch, "t", command, multi_instance_settings=_on(2, coordination))
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "alive\nalive\n"
    await all_dead([int(pid) for pid in (tmp_path / "pids").read_text().split()])


@pytest.mark.parametrize(
    ("coordination", "code"),
    [("$AZ_BATCH_IS_CURRENT_NODE_MASTER", "FailureExitCode"), ("no-such-program", "CommandProgramNotFound")],
)
async def test_a_subtask_that_fails_fails_the_task(
    batch: BatchClient, coordination: str, code: str, tmp_path: Path
) -> None:
    await _add_pool(batch, 2)
    line = coordination if coordination.startswith("no") else shell(coordination)
    ran = tmp_path / "ran"
    await add_task(batch, "t", f"touch {ran}", multi_instance_settings=_on(2, line))
    assert await failure_code(batch, "t") == code
    assert not ran.exists()


async def test_a_task_waits_until_enough_nodes_are_free(batch: BatchClient) -> None:
    await _add_pool(batch, 2)
    await add_task(batch, "blocker", "sleep 600")
    await task_in_state(batch, "blocker", "running")
    await add_task(batch, "t", multi_instance_settings=_on(2))
    await add_task(batch, "small")
    await ended(batch, "small")
    assert (await batch.get_task("job", "t")).state == "active"
    await batch.terminate_task("job", "blocker")
    assert (await ended(batch, "t")).exit_code == 0


async def test_a_pool_that_is_not_made_for_it_never_runs_it(batch: BatchClient) -> None:
    await _add_pool(batch, 2, task_slots_per_node=2)
    await add_task(batch, "t", multi_instance_settings=_on(2))
    await add_task(batch, "other")
    await ended(batch, "other")
    assert (await batch.get_task("job", "t")).state == "active"


async def test_ending_the_task_frees_all_its_nodes(batch: BatchClient) -> None:
    await _add_pool(batch, 2)
    await add_task(batch, "t", "sleep 600", multi_instance_settings=_on(2))

    async def coordinated() -> bool:
        return [subtask.state async for subtask in batch.list_subtasks("job", "t")] == ["completed"]

    await until(coordinated)
    assert [node.state async for node in batch.list_nodes("mpi")] == ["running", "running"]
    await batch.terminate_task("job", "t")
    assert [node.state async for node in batch.list_nodes("mpi")] == ["idle", "idle"]
    assert await failure_code(batch, "t") == "TaskEnded"
