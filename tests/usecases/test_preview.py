"""Previews: what a job would be and what is wrong with it, without side effects."""

import copy
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from batchmgr.errors import ServiceBusyError
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.usecases.preview import PreviewPorts, preview
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.plan_preview import PlanPreview
from tests.fake_files import FakeNodeStorage
from tests.world import World

SECRET = "https://host/in.bin?sv=1&sig=SECRET%2B&se=2"
TASK = {
    "id": "a",
    "commandLine": "run",
    "inputFiles": [
        {"httpUrl": SECRET, "targetFilePath": "in.bin"},
        {"containerName": "data", "sourceBlobPath": "x.txt", "targetFilePath": "x.txt"},
    ],
    "outputFiles": [{"sourceFilePath": "out.txt", "targetBlobPath": "out.txt"}],
}
FILES = {"type": "taskPerFile", "source": {"containerName": "files"}, "repeatTask": {"commandLine": "wc {0}"}}


async def previewed(world: World, body: dict[str, Any], limit: int = 10) -> PlanPreview:
    message = decode_job(json.dumps(body).encode())
    around = PreviewPorts(
        storage=world.storage,
        workloads=world.ports.workloads,
        threads=world.ports.threads,
        default_pool_id=world.ports.default_pool_id,
        check_callback=world.callbacks.check,
    )
    return await preview(around, message.job_id or "job-1", message, limit)


async def test_a_preview_shows_the_tasks_as_they_would_be_sent_without_signatures() -> None:
    answer = await previewed(World(), {"tasks": [TASK, {"id": "b", "commandLine": "x", "dependsOn": ["a"]}]})
    assert (answer.job_id, answer.pool_id, answer.tasks, answer.problems) == ("job-1", "local", 3, ())
    assert [body["id"] for body in answer.expanded_tasks] == ["a", "b", "batchmgr-finalize"]
    first = answer.expanded_tasks[0]
    assert first["resourceFiles"] == [
        {"httpUrl": "https://host/in.bin?sv=1&sig=…&se=2", "filePath": "in.bin"},
        {"httpUrl": "https://blob/data/x.txt", "filePath": "x.txt"},
    ]
    assert first["outputFiles"][0]["destination"]["container"]["containerUrl"] == "https://blob/job-job-1"
    assert answer.expanded_tasks[1]["dependsOn"] == {"taskIds": ["a"]}
    shown = (await previewed(World(), {"tasks": [TASK]}, limit=1)).expanded_tasks
    assert [body["id"] for body in shown] == ["a"]


async def test_a_preview_changes_nothing() -> None:
    world = World()
    world.storage.blobs["files"] = {"a.txt", "b.txt"}
    world.batch.pools.clear()
    before = {
        name: copy.deepcopy(vars(getattr(world, name))) for name in ("jobs", "batch", "queue", "finalize")
    }
    for body in ({"tasks": [TASK]}, {"taskFactory": FILES}, {"tasks": [{"id": "!", "commandLine": "x"}]}):
        await previewed(world, body)
    for name, state in before.items():
        after = vars(getattr(world, name))
        assert {key: value for key, value in after.items() if not key.endswith("_clock")} == {
            key: value for key, value in state.items() if not key.endswith("_clock")
        }
    assert world.storage.granted == []
    assert world.events.logs == {}


async def test_a_preview_of_a_task_per_file_lists_the_current_blobs() -> None:
    world = World()
    world.storage.blobs["files"] = {"a.txt", "b.txt"}
    answer = await previewed(world, {"taskFactory": FILES})
    assert answer.tasks == 3
    assert [body["commandLine"] for body in answer.expanded_tasks[:2]] == ["wc a.txt", "wc b.txt"]


async def test_a_preview_counts_the_calls_by_number_and_size_of_the_tasks() -> None:
    sweep = {
        "type": "parametricSweep",
        "parameters": {"x": {"start": 1, "end": 100}},
        "repeatTask": {"commandLine": "x {x}"},
    }
    assert (await previewed(World(), {"taskFactory": sweep})).calls == 4
    sweep["parameters"] = {"x": {"start": 1, "end": 101}}
    answer = await previewed(World(), {"taskFactory": sweep})
    assert (answer.calls, answer.tasks, answer.largest_task_bytes < 1000) == (5, 102, True)
    sweep["repeatTask"] = {"commandLine": "x {x} " + "y" * 100_000}
    answer = await previewed(World(), {"taskFactory": sweep}, limit=0)
    assert answer.calls == 1 + -(-101 // 9) + 1 + 1
    assert answer.largest_task_bytes > 100_000
    assert answer.bytes > 101 * 100_000


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["workload"]),
        ({"workload": "none"}, ["workload"]),
        (
            {
                "jobId": "a b",
                "callBackUri": "https://elsewhere/",
                "notify": ["x"],
                "tasks": [
                    {"id": "a", "commandLine": " ", "dependsOn": ["z"]},
                    {"id": "b", "commandLine": "x", "outputFiles": [{"sourceFilePath": "/etc/passwd"}]},
                    {"id": "c", "commandLine": "x", "inputFiles": [{"targetFilePath": "x"}]},
                ],
            },
            [
                "jobId",
                "notify[0]",
                "callBackUri",
                "tasks[0].commandLine",
                "tasks[1].outputFiles[0].sourceFilePath",
                "tasks[2].inputFiles[0].sourceBlobPath",
                "tasks[0].dependsOn[0]",
            ],
        ),
        ({"tasks": [{"id": "a b", "commandLine": "x"}] * 30}, ["tasks[0].id", "tasks[1].id"]),
        ({"taskFactory": FILES}, ["taskFactory.source.containerName"]),
        (
            {"taskFactory": {**FILES, "repeatTask": {"commandLine": "x {y}", "displayName": "{z}"}}},
            ["taskFactory.repeatTask.commandLine", "taskFactory.repeatTask.displayName"],
        ),
        ({"tasks": [{"id": "a", "commandLine": "x" * 1_000_000}]}, ["tasks[0]"]),
    ],
)
async def test_all_problems_are_reported_up_to_twenty(body: dict[str, Any], fields: list[str]) -> None:
    world = World()
    answer = await previewed(world, body)
    reported = [problem.field for problem in answer.problems]
    assert reported[: len(fields)] == fields
    assert len(reported) == (20 if len(reported) > len(fields) else len(fields))
    assert all(problem.reason for problem in answer.problems)
    assert (answer.calls, answer.expanded_tasks) == (0, ())


async def test_blobs_with_invalid_names_are_reported_one_by_one() -> None:
    world = World()
    world.storage.blobs["files"] = {"a.txt", "b/../c.txt", "d\\e.txt"}
    problems = (await previewed(world, {"taskFactory": FILES})).problems
    assert ["b/../c.txt" in problems[0].reason, "d\\\\e.txt" in problems[1].reason] == [True, True]


class BusyStorage(FakeNodeStorage):
    """Storage that is too busy to list blobs."""

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        if need.container_name:
            raise ServiceBusyError("slow down")
        yield ""


async def test_busy_storage_is_not_a_problem_of_the_job() -> None:
    world = World()
    world.storage = BusyStorage()
    with pytest.raises(ServiceBusyError):
        await previewed(world, {"taskFactory": FILES})


AUTO_POOL = {
    "vmSize": "s",
    "nodeAgentSkuId": "agent",
    "image": {"virtualMachineImageId": "/image"},
    "targetDedicatedNodes": 1,
}


async def test_a_limit_of_an_auto_pool_is_a_problem_of_the_field_that_exceeds_it() -> None:
    world = World()
    world.storage.blobs["files"] = {"a.txt"}
    factory = {**FILES, "repeatTask": {"commandLine": "wc {0}", "requiredSlots": 2}}
    answer = await previewed(world, {"taskFactory": factory, "autoPool": AUTO_POOL})
    assert [problem.field for problem in answer.problems] == ["taskFactory.repeatTask.requiredSlots"]
    assert answer.pool_id == ""
    answer = await previewed(world, {"taskFactory": FILES, "autoPool": AUTO_POOL})
    assert (answer.pool_id, answer.tasks, answer.problems) == ("", 2, ())
