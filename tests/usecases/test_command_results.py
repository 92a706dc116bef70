"""What a plain command writes to `outputs.json` becomes part of the job's outcome, if the task uploads it."""

import json
from typing import Any

import pytest

from batchmgr.errors import InvalidJobError, ServiceRefusedError
from batchmgr.model.job_states import JobState
from batchmgr.steps.check_job import check_job
from batchmgr.wire.task_message import OutputFileMessage, TaskMessage
from tests.world import World, job_message, task


def declaring(name: str, command: str = "/bin/true", **fields: Any) -> TaskMessage:
    """Return a task that uploads `outputs.json` under its own id."""
    under = {"task_id": name, "target_blob_path": "outputs.json"} | fields
    file = OutputFileMessage(source_file_path="outputs.json", **under)
    return TaskMessage(id=name, command_line=command, output_files=(file,))


def world_with(**outputs: bytes) -> World:
    """Return a world in which tasks have left these files in the job's container."""
    world = World()
    world.files.blobs = {f"job-1/{task_id}/outputs.json": content for task_id, content in outputs.items()}
    return world


async def ended(world: World, *tasks: TaskMessage) -> dict[str, object]:
    """Run a job of these tasks to its end. Return the results of its tasks, by their ids."""
    world.enqueue(job_message(*tasks))
    await world.run_until_idle()
    [(_, body, _)] = world.callbacks.received
    outcome: Any = body.output
    return {one["taskId"]: one["result"] for one in outcome["taskResults"]}


async def test_what_commands_write_reaches_the_callback() -> None:
    world = world_with(a=b'{"rows": 12}', b=b'\xef\xbb\xbf{"rows": [1, null]}')
    results = await ended(world, declaring("a"), declaring("b"), task("c"))
    assert results == {"a": {"rows": 12}, "b": {"rows": [1, None]}}


async def test_a_failed_command_has_a_result_if_its_file_is_uploaded_in_any_case() -> None:
    world = world_with(a=b'{"kept": 1}', b=b'{"left over": 1}')
    always = declaring("a", "/bin/false", upload_condition="taskCompletion")
    results = await ended(world, always, declaring("b", "/bin/false"))
    assert results == {"a": {"kept": 1}}
    assert world.record().state is JobState.FAILED


async def test_only_the_jobs_own_container_is_read() -> None:
    world = world_with(a=b'{"x": 1}')
    assert await ended(world, declaring("a", container_name="results")) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"1", b"{", b'{"x": "' + b"y" * 33_000 + b'"}', b'{"x":' + b"[" * 40 + b"]" * 40 + b"}"],
    ids=["empty", "a list", "a number", "cut", "large", "deep"],
)
async def test_what_can_be_no_result_is_left_out(content: bytes) -> None:
    world = world_with(a=content, b=b'{"x": 1}')
    results = await ended(world, declaring("a"), declaring("b"))
    assert results == {"b": {"x": 1}}
    assert world.record().state is JobState.SUCCEEDED


async def test_a_storage_account_that_refuses_keeps_no_job_from_its_end() -> None:
    world = world_with()

    async def refuse(job_id: str, path: str, max_bytes: int) -> bytes | None:
        raise ServiceRefusedError(f"{path} can't be read", code="Forbidden")

    world.files.read = refuse  # type: ignore[method-assign]
    assert await ended(world, declaring("a")) == {}
    assert world.record().state is JobState.SUCCEEDED


async def test_two_tasks_cannot_write_the_same_file() -> None:
    world = World()
    twins = (declaring("a", task_id=""), task("b"), declaring("c", task_id=""))
    with pytest.raises(InvalidJobError, match="'a' and 'c' would write") as error:
        await check_job(world.ports, "job-1", job_message(*twins))
    assert error.value.field == "tasks[2].outputFiles[0]"


async def test_of_many_tasks_the_first_hundred_have_results_and_the_rest_costs_nothing() -> None:
    ids = [f"t{number}" for number in range(130)]
    world = world_with(**{task_id: json.dumps({"id": task_id}).encode() for task_id in ids})
    read, paths = world.files.read, []

    async def counted(job_id: str, path: str, max_bytes: int) -> bytes | None:
        paths.append(path)
        return await read(job_id, path, max_bytes)

    world.files.read = counted  # type: ignore[method-assign]
    results = await ended(world, *(declaring(task_id) for task_id in ids))
    assert list(results) == ids[:100]
    assert len([path for path in paths if path.endswith("/outputs.json")]) == 100
