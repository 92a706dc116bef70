"""What can keep a job from going on in Azure Batch: each reason is told, and gone when it has passed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from azure.batch.models import BatchPoolCreateOptions, BatchPoolResizeOptions
from azure.core.rest import HttpRequest

from batchmgr.adapters.system_clock import SystemClock
from batchmgr.model.waiting_for import WaitingFor
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from tests.integration.client import Client
from tests.integration.emulated_services import EmulatedServices, start_services, succeeded
from tests.integration.messages import Json, job, task
from tests.integration.wait_until import until

SERIES = {"vmSize": "small", "targetDedicatedNodes": 1}
MOUNT = {
    "azureBlobFileSystemConfiguration": {
        "accountName": "a",
        "accountKey": "c2VjcmV0",
        "containerName": "c",
        "relativeMountPath": "m",
    }
}
FORMULA = {
    "vmSize": "small",
    "enableAutoScale": True,
    "autoScaleFormula": "$TargetDedicatedNodes = $unknown;",
}
POOLS: dict[str, Json] = {
    "PoolHasNoNodes": {"vmSize": "small", "targetDedicatedNodes": 0},
    "ResizeFailed": {"vmSize": "standard_m20000", "targetDedicatedNodes": 1},
    "AutoscaleFailed": FORMULA,
    "StartTaskFailed": SERIES | {"startTask": {"commandLine": "/bin/false", "waitForSuccess": True}},
    "NodesUnusable": SERIES | {"mountConfiguration": [MOUNT]},
}
"""A pool on which no task can run, for each reason."""

SAYS = {
    "ResizeFailed": "AccountCoreQuotaReached",
    "AutoscaleFailed": "AutoScalingFormulaEvaluationError",
    "StartTaskFailed": "1 starttaskfailed. The first error: the start task failed: exit code 1",
    "NodesUnusable": "1 unusable. The first error: MountConfigurationError",
}


class ShiftedClock(SystemClock):
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Services:
    """The services, and a clock that a test can advance."""

    def __init__(self, services: EmulatedServices) -> None:
        self.clock = ShiftedClock()
        self.all = replace(services, ports=replace(services.ports, clock=self.clock))

    async def request(self, method: str, path: str, body: object = None) -> None:
        """Send a request to Azure Batch."""
        content = None if body is None else msgspec.json.encode(body)
        url = "{endpoint}" + path
        request = HttpRequest(method, url, params={"api-version": "2025-06-01"}, content=content)
        request.headers["Content-Type"] = "application/json; odata=minimalmetadata"
        (await self.all.batch.send_request(request)).raise_for_status()

    async def look(self) -> WaitingFor | None:
        """Let a minute pass, and poll. Return what the job waits for."""
        await poll(self.all.ports)
        self.clock.ahead += timedelta(minutes=1)
        await poll(self.all.ports)
        return (await self.all.record("j")).waiting_for

    async def told(self, code: str) -> WaitingFor:
        """Poll until the job is told to wait for this."""

        async def found() -> WaitingFor | None:
            told = await self.look()
            return told if told is not None and told.code == code else None

        return await until(found)

    async def ends(self, state: str, code: str) -> str:
        """Poll until the job has ended with this error. Return the error's message."""

        async def step() -> bool:
            await self.look()
            await finalize(self.all.ports, "j")
            return (await self.all.record("j")).state.is_final

        await until(step)
        record = await self.all.record("j")
        assert record.error is not None
        assert (record.state, record.error.code) == (state, code)
        return record.error.message


@pytest.fixture
async def services(tmp_path: Path, connection_string: str) -> AsyncIterator[Services]:
    async with start_services(tmp_path, connection_string) as running:
        yield Services(running)


@pytest.mark.parametrize("code", POOLS)
async def test_a_pool_that_can_run_nothing_is_told_in_azures_words(services: Services, code: str) -> None:
    await services.request("POST", "/pools", {"id": "p", **POOLS[code]})
    await services.all.submit(job("j", poolId="p", stallLimit="PT2M"))
    told = await services.told(code)
    assert "'p'" in told.reason
    assert SAYS.get(code, "") in told.reason
    await services.ends("failed", code)


async def test_a_pool_without_nodes_is_resized_and_the_job_goes_on(services: Services) -> None:
    await services.all.submit(job("j", poolId="idle"))
    await services.told("PoolHasNoNodes")
    await services.request("POST", "/pools/idle/resize", {"targetDedicatedNodes": 1})
    assert succeeded(await services.all.wait_for_end("j"))


async def test_a_disabled_job_is_told_of_until_it_is_enabled(services: Services) -> None:
    await services.all.submit(job("j", task("a", "sleep 600")))
    await services.request("POST", "/jobs/j/disable", {"disableTasks": "requeue"})
    await services.told("JobDisabled")
    await services.request("POST", "/jobs/j/enable")

    async def passed() -> bool:
        return await services.look() is None

    await until(passed)
    assert (await services.all.record("j")).state == "running"


async def test_a_failed_preparation_is_told_with_its_exit_code(services: Services) -> None:
    preparation = {"commandLine": "/bin/sh -c 'exit 7'"}
    await services.all.submit(job("j", jobPreparationTask=preparation, stallLimit="PT1M"))
    assert "exit code 7" in (await services.told("JobPreparationFailed")).reason
    await services.ends("failed", "JobPreparationFailed")


async def test_a_task_that_needs_more_slots_than_a_node_has_is_named(services: Services) -> None:
    await services.all.submit(job("j", task("a"), task("wide", requiredSlots=5), stallLimit="PT1M"))
    assert (await services.told("TaskTooLarge")).reason.endswith(": wide.")
    assert "1 of 2 tasks succeeded" in await services.ends("partial", "TaskTooLarge")


async def test_a_deleted_pool_ends_the_job(services: Services) -> None:
    await services.all.submit(job("j", task("a"), task("b", "sleep 600", dependsOn=["a"])))

    async def running() -> bool:
        return (await services.all.tasks("j"))["b"].state == "running"

    await until(running)
    await services.request("DELETE", "/pools/local")
    assert "'local' was deleted" in await services.ends("partial", "PoolNotFound")
    assert (await services.all.ports.batch.get_job("j")).has_ended


@pytest.mark.parametrize("gone", ["queued", "running", "waited-for", "leaf"])
async def test_a_deleted_task_is_named_and_the_finalize_task_still_runs(
    services: Services, tmp_path: Path, gone: str
) -> None:
    gate = tmp_path / "gate"
    wait = f"until test -e {gate}; do sleep 0.05; done"
    tasks = (
        task("first", wait),
        task("waited-for", "true", dependsOn=["first"]),
        task("queued", "true", dependsOn=["waited-for"]),
        task("running", "sleep 600" if gone == "running" else "true"),
        task("leaf", "true", dependsOn=["first"]),
    )
    await services.all.submit(job("j", *tasks))

    async def has_begun() -> bool:
        return (await services.all.tasks("j"))["running"].state != "active"

    await until(has_begun)
    await services.request("DELETE", f"/jobs/j/tasks/{gone}")
    gate.touch()
    message = await services.ends("partial", "TaskDeleted")
    assert gone in message
    tasks_now = await services.all.tasks("j")
    assert tasks_now["batchmgr-finalize"].has_succeeded
    assert "batchmgr-hold" not in tasks_now
    events = await services.all.events("j")
    assert [event.data["code"] for event in events if event.type == "batchmgr.job.waiting"] == ["TaskDeleted"]


@pytest.mark.real_limits
async def test_the_running_stack_tells_within_a_minute_why_a_job_waits(client: Client, job_id: str) -> None:
    pool = BatchPoolCreateOptions(id=f"{job_id}-pool", vm_size="small", target_dedicated_nodes=0)
    await client.batch.create_pool(pool)
    await client.submit(job(job_id, poolId=f"{job_id}-pool"))

    async def told() -> Json | None:
        return (await client.job(job_id)).get("waitingFor")

    why = await until(told, seconds=60)
    assert why["code"] == "PoolHasNoNodes"
    assert set(why) == {"code", "reason", "advice", "since"}
    assert "job.waiting" in await client.types(job_id)
    options = BatchPoolResizeOptions(target_dedicated_nodes=1)
    await client.batch.begin_resize_pool(f"{job_id}-pool", options, polling_interval=0)
    assert (await client.outcome(job_id))["state"] == "succeeded"
    assert "waitingFor" not in await client.job(job_id)
