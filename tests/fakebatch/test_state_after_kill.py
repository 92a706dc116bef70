"""What clients see before the service is killed, and after it was started again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakebatch.engine import Engine
from fakebatch.model.run_result import exited
from fakebatch.model.task_entity import completed
from fakebatch.store import Store
from fakebatch.testing import FakeBatchProcess
from fakebatch.wire import service_clock, timestamps
from tests.fakebatch.driving import shell, until
from tests.fakebatch.manual_executor import ManualExecutor
from tests.fakebatch.raw_http import request

_POOLS: tuple[dict[str, Any], ...] = (
    {"id": "busy", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2},
    {"id": "quiet", "targetDedicatedNodes": 2, "startTask": {"commandLine": "true"}},
    {"id": "failed", "targetDedicatedNodes": 1, "startTask": {"commandLine": "false"}},
    {"id": "mpi", "targetDedicatedNodes": 2, "enableInterNodeCommunication": True},
    {"id": "off", "targetDedicatedNodes": 1},
)
_JOBS: tuple[dict[str, Any], ...] = (
    {"id": "running", "poolInfo": {"poolId": "busy"}, "usesTaskDependencies": True},
    {
        "id": "prepared",
        "poolInfo": {"poolId": "quiet"},
        "jobPreparationTask": {"commandLine": "echo prepared"},
        "jobReleaseTask": {"commandLine": "echo released"},
    },
    {"id": "mpi", "poolInfo": {"poolId": "mpi"}},
    {"id": "disabled", "poolInfo": {"poolId": "quiet"}},
)
_TASKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("running", {"id": "t", "commandLine": shell("echo $$; sleep 600"), "requiredSlots": 2}),
    ("running", {"id": "waits", "commandLine": "true"}),
    ("running", {"id": "blocked", "commandLine": "true", "dependsOn": {"taskIds": ["t"]}}),
    ("prepared", {"id": "good", "commandLine": "true"}),
    ("prepared", {"id": "bad", "commandLine": "false", "constraints": {"maxTaskRetryCount": 1}}),
    (
        "mpi",
        {
            "id": "m",
            "commandLine": "true",
            "multiInstanceSettings": {"numberOfInstances": 2, "coordinationCommandLine": "true"},
        },
    ),
)
_SCHEDULE = {"id": "s", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "none"}}}


class _Client:
    def __init__(self, process: FakeBatchProcess) -> None:
        self._process = process

    async def get(self, path: str) -> Any:
        reply = await request(self._process.endpoint, "GET", path)
        assert reply.status == 200, reply.body
        return reply.json

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> int:
        return (await request(self._process.endpoint, method, path, body)).status

    async def all(self) -> dict[str, Any]:
        """Return everything that there is to see."""
        paths = ["/pools", "/jobs", "/jobschedules", "/nodecounts"]
        paths += [f"/pools/{pool['id']}/nodes" for pool in _POOLS]
        for job in _JOBS:
            paths += [f"/jobs/{job['id']}/tasks", f"/jobs/{job['id']}/taskcounts"]
        paths += ["/jobs/mpi/tasks/m/subtasksinfo", "/jobs/prepared/jobpreparationandreleasetaskstatus"]
        paths += ["/jobs/prepared/tasks/good/files"]
        return {path: await self.get(path) for path in paths}

    async def node_ids(self, pool_id: str) -> list[str]:
        return [node["id"] for node in (await self.get(f"/pools/{pool_id}/nodes"))["value"]]

    async def reached(self, path: str, state: str) -> None:
        async def is_reached() -> bool:
            return bool((await self.get(path))["state"] == state)

        await until(is_reached)


async def _set_up(client: _Client) -> None:
    for pool in _POOLS:
        assert await client.send("POST", "/pools", {"vmSize": "small", **pool}) == 201
    for job in _JOBS:
        assert await client.send("POST", "/jobs", job) == 201
    assert await client.send("POST", "/jobschedules", _SCHEDULE) == 201
    assert await client.send("POST", "/jobs/disabled/disable", {"disableTasks": "requeue"}) == 202
    [failed] = await client.node_ids("failed")
    await client.reached(f"/pools/failed/nodes/{failed}", "starttaskfailed")
    [off] = await client.node_ids("off")
    assert await client.send("POST", f"/pools/off/nodes/{off}/deallocate") == 202
    await client.reached(f"/pools/off/nodes/{off}", "deallocated")
    first, second = await client.node_ids("quiet")
    for node_id in (first, second):
        await client.reached(f"/pools/quiet/nodes/{node_id}", "idle")
    assert await client.send("POST", f"/pools/quiet/nodes/{first}/disablescheduling") == 200
    assert await client.send("POST", f"/pools/quiet/nodes/{second}/users", {"name": "Ann"}) == 201
    for job_id, task in _TASKS:
        assert await client.send("POST", f"/jobs/{job_id}/tasks", task) == 201
    for path in ("/jobs/prepared/tasks/good", "/jobs/prepared/tasks/bad", "/jobs/mpi/tasks/m"):
        await client.reached(path, "completed")
    await client.reached("/jobs/running/tasks/t", "running")
    await client.reached("/jobs/disabled", "disabled")


def _task(seen: dict[str, Any]) -> Any:
    [task] = [task for task in seen["/jobs/running/tasks"]["value"] if task["id"] == "t"]
    return task


def _node(seen: dict[str, Any]) -> Any:
    [node] = seen["/pools/busy/nodes"]["value"]
    return node


async def test_all_is_as_it_was_but_the_task_that_ran_which_runs_anew(tmp_path: Path) -> None:
    with FakeBatchProcess("--state", str(tmp_path)) as process:
        client = _Client(process)
        await _set_up(client)
        before = await client.all()
        process.kill()
        process.start()
        await client.reached("/jobs/running/tasks/t", "running")
        after = await client.all()
        # The run that was lost is the only thing to be seen.
        task, again = _task(before), _task(after)
        assert (task["executionInfo"]["requeueCount"], again["executionInfo"]["requeueCount"]) == (0, 1)
        assert again["executionInfo"]["startTime"] > task["executionInfo"]["startTime"]
        for name in ("executionInfo", "stateTransitionTime", "previousStateTransitionTime"):
            del task[name], again[name]
        node, same = _node(before), _node(after)
        assert (node["state"], node["runningTasksCount"], node["totalTasksRun"]) == ("running", 1, 0)
        for shown in (node, same):
            del shown["stateTransitionTime"]
            shown.pop("recentTasks", None)
        assert after == before

        _, second = await client.node_ids("quiet")
        users = f"/pools/quiet/nodes/{second}/users"
        assert await client.send("POST", users, {"name": "ann"}) == 409
        assert await client.send("DELETE", f"{users}/ANN") == 200
        assert await client.send("POST", "/jobs/prepared/terminate") == 202
        await client.reached("/jobs/prepared", "completed")
        status = await client.get("/jobs/prepared/jobpreparationandreleasetaskstatus")
        [visit] = status["value"]
        assert visit["jobReleaseTaskExecutionInfo"]["result"] == "success"


async def test_a_resize_that_waits_for_tasks_is_over_once_they_are_lost(tmp_path: Path) -> None:
    with FakeBatchProcess("--state", str(tmp_path)) as process:
        client = _Client(process)
        assert await client.send("POST", "/pools", {"vmSize": "small", **_POOLS[0]}) == 201
        assert await client.send("POST", "/jobs", _JOBS[0]) == 201
        assert await client.send("POST", "/jobs/running/tasks", _TASKS[0][1]) == 201
        await client.reached("/jobs/running/tasks/t", "running")
        resize = {"targetDedicatedNodes": 0, "nodeDeallocationOption": "taskcompletion"}
        assert await client.send("POST", "/pools/busy/resize", resize) == 202
        assert (await client.get("/pools/busy"))["allocationState"] == "resizing"
        process.kill()
        process.start()

        async def is_empty() -> bool:
            pool = await client.get("/pools/busy")
            return bool((pool["allocationState"], pool["currentDedicatedNodes"]) == ("steady", 0))

        await until(is_empty)
        assert (await client.get("/jobs/running/tasks/t"))["state"] == "active"


async def test_new_nodes_are_none_that_were_there_before(tmp_path: Path) -> None:
    with FakeBatchProcess("--state", str(tmp_path), "--pool", "hpc=2x1") as process:
        client = _Client(process)

        async def resized_to(nodes: int) -> list[dict[str, Any]]:
            async def is_steady() -> bool:
                return bool((await client.get("/pools/hpc"))["allocationState"] == "steady")

            await until(is_steady)
            assert await client.send("POST", "/pools/hpc/resize", {"targetDedicatedNodes": nodes}) == 202
            await until(is_steady)
            found: list[dict[str, Any]] = (await client.get("/pools/hpc/nodes"))["value"]
            assert len(found) == nodes
            return found

        both = await resized_to(2)
        [left] = await resized_to(1)
        process.kill()
        process.start()
        nodes = await resized_to(3)
        assert left["id"] in {node["id"] for node in nodes}
        assert {node["id"] for node in both} & {node["id"] for node in nodes} == {left["id"]}
        assert len({node["ipAddress"] for node in nodes}) == 3
        ports = {node["endpointConfiguration"]["inboundEndpoints"][0]["frontendPort"] for node in nodes}
        assert len(ports) == 3


async def test_an_auto_pool_still_goes_with_its_job(tmp_path: Path) -> None:
    auto = {"poolLifetimeOption": "job", "pool": {"vmSize": "small", "targetDedicatedNodes": 1}}
    with FakeBatchProcess("--state", str(tmp_path)) as process:
        client = _Client(process)
        for job_id, keep in (("gone", False), ("kept", True)):
            pool = {"autoPoolSpecification": {**auto, "keepAlive": keep, "autoPoolIdPrefix": job_id}}
            assert await client.send("POST", "/jobs", {"id": job_id, "poolInfo": pool}) == 201
        process.kill()
        process.start()
        for job_id in ("gone", "kept"):
            assert await client.send("DELETE", f"/jobs/{job_id}") == 202

        async def only_one_is_kept() -> bool:
            found = [pool["id"] for pool in (await client.get("/pools"))["value"]]
            jobs = (await client.get("/jobs"))["value"]
            return not jobs and len(found) == 1 and found[0].startswith("kept_")

        await until(only_one_is_kept)


class _Remembering(ManualExecutor):
    def __init__(self) -> None:
        super().__init__()
        self.removed: list[tuple[str, str | None]] = []

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        self.removed.append((job_id, task_id))


async def test_files_kept_for_long_enough_while_it_was_down_are_removed() -> None:
    hour = 3600 * timestamps.PER_SECOND
    executor, store = _Remembering(), Store()
    engine = Engine(store, executor)
    record = engine.add_job(
        {
            "id": "job",
            "constraints": {"maxWallClockTime": "P10675199DT2H48M5.4775807S"},
            "onAllTasksComplete": "noaction",
            "priority": 0,
            "maxParallelTasks": -1,
            "poolInfo": {"poolId": "none"},
        }
    )
    for task_id, retention in (("old", "PT1H"), ("kept", "PT3H")):
        task = engine.add_task(
            record,
            {
                "id": task_id,
                "commandLine": "true",
                "requiredSlots": 1,
                "constraints": {"retentionTime": retention, "maxTaskRetryCount": 0},
            },
        )
        record.put(completed(task, exited(0), service_clock.now() - 2 * hour))
    engine.resume()

    async def has_removed() -> bool:
        return bool(executor.removed)

    await until(has_removed)
    await engine.stop()
    assert executor.removed == [("job", "old")]
