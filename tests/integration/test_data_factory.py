"""The pipelines of examples/data-factory, run as Data Factory runs them, with the local stack as batchmgr."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure.storage.queue import QueueSasPermissions, generate_queue_sas

from batchmgr.devstack.project_paths import PROJECT
from tests.data_factory.definitions import (
    FunctionApp,
    KeyVault,
    Pipeline,
    read_linked_services,
    read_pipeline,
)
from tests.data_factory.simulator import DataFactory, PipelineRun, data_factory
from tests.data_factory.stand_ins import KEY, SECRET, key_check, key_vault, token_check
from tests.integration.client import REQUESTS, Client, DeveloperCredential
from tests.integration.messages import Json, gated, task

MINUTE = 8.0
"""How many seconds a minute of Data Factory takes here. Its pauses and its time limits are shorter."""

TWO_FAIL = [task("good"), task("bad", "echo no such column >&2; exit 3")]


@dataclass(frozen=True, kw_only=True)
class Azure:
    """A data factory, and what it reaches: a key vault, the function app and the queue."""

    factory: DataFactory
    vault: str
    app: str
    queue: str

    async def run(self, name: str, job: Json | None = None, **options: Any) -> PipelineRun:
        """Run a pipeline of the examples; without `job`, the job that it has by default."""
        pipeline = options.get("pipeline") or read_pipeline(name)
        addresses = {
            "functionAppUrl": self.app,
            "keyUri": f"{self.vault}/secrets/{SECRET}",
            "queueUrl": self.queue,
        }
        parameters: Json = {
            key: url for key, url in addresses.items() if key in pipeline.properties.parameters
        }
        if job is not None:
            parameters["job"] = job
        return await self.factory.run(pipeline, parameters, run_id=options.get("run_id", ""))


@pytest.fixture
async def azure(client: Client) -> AsyncIterator[Azure]:
    async with AsyncExitStack() as stack:
        yield await started(client, stack)


async def started(
    client: Client,
    stack: AsyncExitStack,
    *,
    minute: float = MINUTE,
    front: Mapping[str, Any] = {},
    **options: bool,
) -> Azure:
    """Start everything. `front` says what is wrong with the front of the app."""
    vault = await stack.enter_async_context(key_vault())
    app = await stack.enter_async_context(key_check(client.address, **front))
    signature, headers = await queue_access(client)
    front_of_queues = token_check(str(client.queues.url).rstrip("/"), client.http, signature, headers)
    queues = await stack.enter_async_context(front_of_queues)
    linked: dict[str, KeyVault | FunctionApp] = {
        name: replaced(service, vault=vault, app=app) for name, service in read_linked_services().items()
    }
    factory = await stack.enter_async_context(data_factory(minute=minute, linked=linked, **options))
    return Azure(factory=factory, vault=vault, app=app, queue=f"{queues}/{REQUESTS}")


async def queue_access(client: Client) -> tuple[str, dict[str, str]]:
    """Return a signature for the queue of job requests or, on a stack without keys, headers with a token."""
    credential = client.queues.credential
    if isinstance(credential, DeveloperCredential):
        token = await credential.get_token("https://storage.azure.com/.default")
        return "", {"Authorization": f"Bearer {token.token}"}
    signature = generate_queue_sas(
        str(client.queues.account_name),
        REQUESTS,
        credential.account_key,
        permission=QueueSasPermissions(add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return signature, {}


def replaced(service: KeyVault | FunctionApp, *, vault: str, app: str) -> KeyVault | FunctionApp:
    """Return a linked service with the addresses of this machine, as the parameters of a deployment do."""
    properties: Any = service.type_properties
    name, url = ("base_url", vault) if isinstance(service, KeyVault) else ("function_app_url", app)
    changed = msgspec.structs.replace(properties, **{name: url})
    return msgspec.structs.replace(service, type_properties=changed)


def with_timeout(name: str, activity: str, timeout: str) -> Pipeline:
    """Return a pipeline in which one activity has another timeout."""
    content = msgspec.to_builtins(read_pipeline(name))
    [found] = [one for one in content["properties"]["activities"] if one["name"] == activity]
    found["typeProperties"]["timeout"] = timeout
    return msgspec.convert(content, Pipeline)


WAITING = ["batchmgr_webhook", "batchmgr_function"]
"""The pipelines that wait for the end of their job."""


async def test_a_custom_activity_moved_here_has_the_same_output(azure: Azure, client: Client) -> None:
    example = PROJECT / "examples" / "custom_activity"
    for name in ("summarize.py", "sales.csv"):
        await client.upload(name, (example / name).read_bytes(), container="programs")
    ended = await azure.run("batchmgr_webhook", json.loads((example / "job.json").read_text()))
    assert ended.status == "Succeeded", ended.activities
    result = {"region": "north", "sales": 2, "sum": 160.75}
    assert json.loads(ended.variables["results"]) == [{"taskId": "summarize", "result": result}]


@pytest.mark.parametrize("name", WAITING)
async def test_a_small_result_of_a_command_reaches_the_next_activity(azure: Azure, name: str) -> None:
    ended = await azure.run(name)
    assert ended.status == "Succeeded", ended.activities
    assert json.loads(ended.variables["results"]) == [{"taskId": "count", "result": {"lines": 42}}]
    assert ended.statuses["Cancel job"] == "Skipped"


@pytest.mark.clients
@pytest.mark.parametrize("name", WAITING)
async def test_a_failed_task_fails_the_pipeline_with_its_reason(
    azure: Azure, client: Client, name: str
) -> None:
    ended = await azure.run(name, {"tasks": TWO_FAIL})
    assert ended.status == "Failed"
    error = ended.last("Report failure").error
    assert error is not None
    assert error["errorCode"] == "FailureExitCode"
    assert "bad: exit code 3: no such column" in error["message"]
    assert (await client.job(ended.run_id))["state"] == "partial"


@pytest.mark.clients
@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"tasks": [task("a")], "poolId": "no-such-pool"}, "PoolNotFound"),
        ({"tasks": [task("a", "sleep 60")], "maxWallClockTime": "PT2S"}, "MaxWallClockTimeExpiry"),
    ],
)
async def test_a_job_that_does_not_succeed_fails_the_pipeline_with_its_code(
    azure: Azure, job: Json, code: str
) -> None:
    ended = await azure.run("batchmgr_webhook", job)
    assert ended.status == "Failed"
    assert ended.last("Report failure").error["errorCode"] == code  # type: ignore[index]


@pytest.mark.clients
async def test_a_job_is_sent_again_while_the_app_is_down_and_is_one_job(client: Client) -> None:
    async with AsyncExitStack() as stack:
        azure = await started(client, stack, front={"statuses": [503, 502]})
        ended = await azure.run("batchmgr_function", {"tasks": [task("a")]})
    assert (ended.status, ended.last("Send job").attempts) == ("Succeeded", 3)
    assert (await client.types(ended.run_id)).count("job.queued") == 1


@pytest.mark.clients
async def test_a_job_whose_first_answer_came_too_late_does_not_go_on_unseen(
    client: Client, tmp_path: Path
) -> None:
    job = {"tasks": [gated("waits", tmp_path / "gate")]}
    async with AsyncExitStack() as stack:
        azure = await started(client, stack, minute=4.0, front={"delay": 6.0})
        ended = await azure.run("batchmgr_webhook", job)
    assert "did not answer within 60 seconds" in ended.last("Report failure").error["message"]  # type: ignore[index]
    assert ended.statuses["Cancel job"] == "Succeeded"
    assert (await client.outcome(ended.run_id))["state"] == "cancelled"


@pytest.mark.clients
async def test_a_job_that_is_refused_fails_the_pipeline_at_once(azure: Azure) -> None:
    ended = await azure.run("batchmgr_webhook", {"tasks": [{"id": "a b", "commandLine": "true"}]})
    assert ended.status == "Failed"
    assert '"field":"tasks[0].id"' in ended.last("Report failure").error["message"]  # type: ignore[index]


@pytest.mark.clients
@pytest.mark.parametrize("name", WAITING)
async def test_a_job_that_somebody_cancels_fails_the_pipeline(
    azure: Azure, client: Client, name: str, job_id: str, tmp_path: Path
) -> None:
    run_id = f"{job_id}-cancelled"
    job = {"tasks": [gated("waits", tmp_path / "gate")]}
    running = asyncio.create_task(azure.run(name, job, run_id=run_id))
    await client.wait_for_event(run_id, "task.running")
    assert (await client.post(f"/jobs/{run_id}/cancel")).status == 202
    ended = await running
    assert ended.status == "Failed"
    assert ended.last("Report failure").error == {
        "errorCode": "Cancelled",
        "message": "The job was cancelled.",
    }


@pytest.mark.clients
@pytest.mark.parametrize(
    ("name", "activity", "report"),
    [
        ("batchmgr_webhook", "Run job", "Report failure"),
        ("batchmgr_function", "Wait for the end", "Report timeout"),
    ],
)
async def test_a_job_that_takes_longer_than_the_pipeline_waits_is_cancelled(
    client: Client, name: str, activity: str, report: str, job_id: str, tmp_path: Path
) -> None:
    run_id = f"{job_id}-late"
    pipeline = with_timeout(name, activity, "00:01:00")
    job = {"tasks": [gated("waits", tmp_path / "gate")]}
    async with AsyncExitStack() as stack:
        azure = await started(client, stack, functions_follow_location=False)
        ended = await azure.run(name, job, pipeline=pipeline, run_id=run_id)
    assert ended.status == "Failed"
    assert ended.statuses[activity] == "Failed"
    assert ended.statuses["Cancel job"] == "Succeeded"
    assert ended.statuses[report] == "Failed"
    assert (await client.outcome(run_id))["state"] == "cancelled"


@pytest.mark.clients
@pytest.mark.parametrize("follows", [True, False])
async def test_the_function_pipeline_waits_whether_or_not_its_activity_follows_location(
    client: Client, follows: bool
) -> None:
    async with AsyncExitStack() as stack:
        azure = await started(client, stack, functions_follow_location=follows)
        ended = await azure.run("batchmgr_function", {"tasks": [task("short", "sleep 2")]})
    assert ended.status == "Succeeded", ended.activities
    assert ended.last("Send job").output["state"] == ("succeeded" if follows else "queued")


async def test_a_job_sent_by_the_queue_runs_under_the_id_of_the_pipeline_run(
    azure: Azure, client: Client
) -> None:
    ended = await azure.run("batchmgr_queue")
    assert ended.status == "Succeeded", ended.activities
    outcome = await client.outcome(ended.run_id)
    assert outcome["state"] == "succeeded"
    assert outcome["taskResults"] == [{"taskId": "count", "result": {"lines": 42}}]


@pytest.mark.clients
async def test_a_queue_that_refuses_the_identity_fails_the_pipeline(azure: Azure) -> None:
    content = msgspec.to_builtins(read_pipeline("batchmgr_queue"))
    send = content["properties"]["activities"][0]
    send["policy"]["retry"] = 1
    send["typeProperties"]["authentication"]["resource"] = "https://other.example/"
    ended = await azure.run("batchmgr_queue", pipeline=msgspec.convert(content, Pipeline))
    assert ended.status == "Failed"
    assert ended.last("Send job").attempts == 2
    message = ended.last("Report failure").error["message"]  # type: ignore[index]
    assert "Storage Queue Data Message Sender" in message
    assert "AuthorizationFailure" in message


def web_activity(url: str, job: Json, **properties: Any) -> Pipeline:
    """Return a pipeline with a Web activity that sends a job."""
    call = {"url": url, "method": "POST", "body": job, **properties}
    headers = {"Content-Type": "application/json", "x-functions-key": KEY}
    activity = {"name": "Send", "type": "WebActivity", "typeProperties": {**call, "headers": headers}}
    return msgspec.convert({"name": "p", "properties": {"activities": [activity]}}, Pipeline)


@pytest.mark.clients
async def test_a_web_activity_that_follows_location_waits_for_the_end(azure: Azure, job_id: str) -> None:
    job = {"jobId": f"{job_id}-web", "tasks": [task("short", "sleep 1")]}
    ended = await azure.factory.run(web_activity(f"{azure.app}/api/jobs", job))
    assert ended.status == "Succeeded"
    assert ended.last("Send").output["state"] == "succeeded"
    failing = {"jobId": f"{job_id}-web-2", "tasks": TWO_FAIL}
    ended = await azure.factory.run(web_activity(f"{azure.app}/api/jobs", failing))
    assert ended.status == "Succeeded"
    assert ended.last("Send").output["state"] == "partial"


@pytest.mark.clients
async def test_a_web_activity_whose_polls_have_no_key_fails_unless_async_is_turned_off(
    client: Client, job_id: str
) -> None:
    async with AsyncExitStack() as stack:
        azure = await started(client, stack, polls_send_headers=False)
        job = {"jobId": f"{job_id}-no-key", "tasks": [task("short")]}
        ended = await azure.factory.run(web_activity(f"{azure.app}/api/jobs", job))
        assert "answered 401" in ended.last("Send").error["message"]  # type: ignore[index]
        ended = await azure.factory.run(web_activity(f"{azure.app}/api/jobs", job, turnOffAsync=True))
        assert ended.status == "Succeeded"
        assert ended.last("Send").output["jobId"] == f"{job_id}-no-key"


@pytest.mark.clients
@pytest.mark.parametrize("name", [*WAITING, "batchmgr_queue"])
async def test_the_monitoring_of_a_pipeline_never_shows_the_key(azure: Azure, name: str) -> None:
    ended = await azure.run(name)
    shown = [(run.shown_input, run.shown_output, run.error) for run in ended.activities]
    assert KEY not in json.dumps(shown)
