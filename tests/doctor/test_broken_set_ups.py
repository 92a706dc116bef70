"""Each broken set-up is explained in words that mend it. Where it can be done here, the remedy is done."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from azure.batch import models
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.devstack.tcp_ports import free_port
from batchmgr.doctor.finding import Status, is_wrong
from tests.doctor.conftest import SetUp
from tests.integration.wait_until import until

Step = Callable[[SetUp], Awaitable[None]]
WRONG, WARNING, UNKNOWN = Status.WRONG, Status.WARNING, Status.UNKNOWN
OTHER_KEY = base64.b64encode(b"another key").decode()


@dataclass(frozen=True, kw_only=True)
class Broken:
    """How a set-up is broken, what is to be said, and how the remedy is done."""

    by: Step
    check: str
    what: tuple[str, ...]
    remedy: tuple[str, ...]
    status: Status = WRONG
    mend: Step | None = None


def put(name: str, value: str) -> Step:
    async def step(set_up: SetUp) -> None:
        set_up.environment[name] = value

    return step


def drop(*names: str) -> Step:
    async def step(set_up: SetUp) -> None:
        for name in names:
            set_up.environment.pop(name, None)

    return step


def several(*steps: Step) -> Step:
    async def step(set_up: SetUp) -> None:
        for one in steps:
            await one(set_up)

    return step


def write_down(name: str, value: str) -> Step:
    async def step(set_up: SetUp) -> None:
        set_up.environment[name] = value
        set_up.listed.add(name)

    return step


def change_storage(old: str, new: Callable[[], str]) -> Step:
    """Replace a part of the connection string, up to the next semicolon."""

    async def step(set_up: SetUp) -> None:
        parts = set_up.environment["AzureWebJobsStorage"].split(";")
        changed = [f"{old}={new()}" if part.startswith(f"{old}=") else part for part in parts]
        set_up.environment["AzureWebJobsStorage"] = ";".join(changed)

    return step


async def remove_container(set_up: SetUp) -> None:
    async with BlobServiceClient.from_connection_string(set_up.environment["AzureWebJobsStorage"]) as blobs:
        await blobs.delete_container("batchmgr-events")


async def remove_queue(set_up: SetUp) -> None:
    async with QueueServiceClient.from_connection_string(set_up.environment["AzureWebJobsStorage"]) as queues:
        await queues.delete_queue("batchmgr-callbacks")


async def poison(set_up: SetUp) -> None:
    text = set_up.environment["AzureWebJobsStorage"]
    async with QueueServiceClient.from_connection_string(text) as queues:
        await queues.get_queue_client("batchmgr-callbacks-poison").send_message("{}")


async def give_blobs_up(set_up: SetUp) -> None:
    text = set_up.environment["AzureWebJobsStorage"]
    async with QueueServiceClient.from_connection_string(text) as queues:
        queue = await queues.create_queue("webjobs-blobtrigger-poison")
        await queue.send_message("{}")
        await queue.send_message("{}")


async def restart_the_app(set_up: SetUp) -> None:
    await set_up.prepare()


async def nobody_at_batch(set_up: SetUp) -> None:
    set_up.environment["BATCHMGR_BATCH_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"


async def storage_as_batch(set_up: SetUp) -> None:
    parts = set_up.environment["AzureWebJobsStorage"].split("BlobEndpoint=")[1].split(";")[0]
    set_up.environment["BATCHMGR_BATCH_ENDPOINT"] = f"http://{urlsplit(parts).netloc}"


def resize(nodes: int) -> Step:
    async def step(set_up: SetUp) -> None:
        await set_up.batch.begin_resize_pool(
            "local", models.BatchPoolResizeOptions(target_dedicated_nodes=nodes)
        )

        async def is_steady() -> bool:
            pool = await set_up.batch.get_pool("local")
            return pool.allocation_state == "steady" and pool.current_dedicated_nodes == nodes

        await until(is_steady)

    return step


async def disable_nodes(set_up: SetUp) -> None:
    async for node in set_up.batch.list_nodes("local"):
        options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        await set_up.batch.disable_node_scheduling("local", node.id, options)


async def enable_nodes(set_up: SetUp) -> None:
    async for node in set_up.batch.list_nodes("local"):
        await set_up.batch.enable_node_scheduling("local", node.id)


def pool_with(**properties: object) -> Step:
    """Make another pool, and let jobs use it."""

    async def step(set_up: SetUp) -> None:
        pool = {
            "id": "broken",
            "vmSize": "standard_d2s_v5",
            "targetDedicatedNodes": 1,
            "virtualMachineConfiguration": {
                "imageReference": {
                    "publisher": "canonical",
                    "offer": "ubuntu-24_04-lts",
                    "sku": "server",
                },
                "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            },
            **properties,
        }
        await set_up.batch.create_pool(models.BatchPoolCreateOptions(pool))
        set_up.environment["BATCHMGR_POOL_ID"] = "broken"

        async def is_settled() -> bool:
            found = await set_up.batch.get_pool("broken")
            nodes = [node.state async for node in set_up.batch.list_nodes("broken")]
            busy = {"creating", "starting", "waitingforstarttask"}
            return found.allocation_state == "steady" and not busy & set(map(str, nodes))

        await until(is_settled)

    return step


GUID = "00000000-0000-0000-0000-000000000001"
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
BY_WORKER, BY_BATCHMGR = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "PYTHON_ENABLE_OPENTELEMETRY"

BROKEN = {
    "no storage setting": Broken(
        by=drop("AzureWebJobsStorage"),
        check="settings",
        what=("no storage account is configured",),
        remedy=("AzureWebJobsStorage__accountName", "UseDevelopmentStorage=true"),
    ),
    "no queues beside the blobs": Broken(
        by=several(
            drop("AzureWebJobsStorage"), put("AzureWebJobsStorage__blobServiceUri", "http://127.0.0.1:9/a")
        ),
        check="settings",
        what=("AzureWebJobsStorage__queueServiceUri is not",),
        remedy=("https://<account>.queue.core.windows.net",),
    ),
    "storage can't be reached": Broken(
        by=change_storage("BlobEndpoint", lambda: f"http://127.0.0.1:{free_port()}/test"),
        check="blobs",
        what=("nothing answers at http://127.0.0.1:",),
        remedy=("batchmgr start",),
    ),
    "a storage account that does not exist": Broken(
        by=change_storage("BlobEndpoint", lambda: "http://no-such-account.invalid/test"),
        check="blobs",
        what=("there is no host 'no-such-account.invalid'", "private endpoint"),
        remedy=("nslookup no-such-account.invalid",),
    ),
    "a wrong storage key": Broken(
        by=change_storage("AccountKey", lambda: OTHER_KEY),
        check="blobs",
        what=("the key is wrong",),
        remedy=("AccountKey in AzureWebJobsStorage",),
    ),
    "storage that is no connection string": Broken(
        by=put("AzureWebJobsStorage", "secret-of-somebody"),
        check="settings",
        what=("AzureWebJobsStorage is not a connection string",),
        remedy=("portal",),
    ),
    "storage without queues": Broken(
        by=put("AzureWebJobsStorage", "BlobEndpoint=http://127.0.0.1:9/a;SharedAccessSignature=sv=1&sig=x"),
        check="settings",
        what=("AzureWebJobsStorage is not a connection string, or lacks the queues",),
        remedy=("portal",),
    ),
    "a missing container": Broken(
        by=remove_container,
        check="containers",
        what=("the container batchmgr-events is missing",),
        remedy=("Start the app again", "az storage container create --name batchmgr-events"),
        mend=restart_the_app,
    ),
    "a missing queue": Broken(
        by=remove_queue,
        check="queues",
        what=("the queue batchmgr-callbacks is missing",),
        remedy=("Start the app again", "az storage queue create --name batchmgr-callbacks"),
        mend=restart_the_app,
    ),
    "callbacks that were given up": Broken(
        by=poison,
        check="poison",
        status=WARNING,
        what=("1 message lies in batchmgr-callbacks-poison", "GET /api/dead-letters", "/redrive"),
        remedy=("az storage message peek --queue-name batchmgr-callbacks-poison",),
    ),
    "finalize blobs that the host has given up": Broken(
        by=give_blobs_up,
        check="poison",
        status=WARNING,
        what=("2 messages lie in webjobs-blobtrigger-poison", "is it running?"),
        remedy=("--queue-name webjobs-blobtrigger-poison",),
    ),
    "connection string and identity at once": Broken(
        by=put("AzureWebJobsStorage__clientId", GUID),
        check="settings",
        status=WARNING,
        what=("AzureWebJobsStorage is set, and so is AzureWebJobsStorage__clientId",),
        remedy=("Remove AzureWebJobsStorage",),
        mend=drop("AzureWebJobsStorage__clientId"),
    ),
    "no Batch endpoint": Broken(
        by=drop("BATCHMGR_BATCH_ENDPOINT"),
        check="settings",
        what=("no Batch account is configured",),
        remedy=("BATCHMGR_BATCH_ENDPOINT", "https://<account>.<region>.batch.azure.com"),
    ),
    "nothing at the Batch endpoint": Broken(
        by=nobody_at_batch,
        check="batch",
        what=("nothing answers at http://127.0.0.1:",),
        remedy=("batchmgr start",),
    ),
    "a Batch endpoint of another service": Broken(
        by=storage_as_batch,
        check="batch",
        what=("is not Azure Batch",),
        remedy=("BATCHMGR_BATCH_ENDPOINT", "az batch account list"),
    ),
    "a Batch endpoint without https": Broken(
        by=put("BATCHMGR_BATCH_ENDPOINT", "http://acct.westeurope.batch.azure.invalid"),
        check="settings",
        what=("begins with http://", "unencrypted"),
        remedy=("https://acct.westeurope.batch.azure.invalid",),
    ),
    "a wrong Batch key": Broken(
        by=put("BATCHMGR_BATCH_KEY", OTHER_KEY),
        check="batch",
        what=("the key is wrong",),
        remedy=("BATCHMGR_BATCH_KEY",),
    ),
    "a Batch key without its account": Broken(
        by=drop("BATCHMGR_BATCH_ACCOUNT"),
        check="settings",
        what=("BATCHMGR_BATCH_KEY is set, but BATCHMGR_BATCH_ACCOUNT is not",),
        remedy=("Set BATCHMGR_BATCH_ACCOUNT",),
    ),
    "no schedule": Broken(
        by=drop("BATCHMGR_POLL_SCHEDULE"),
        check="settings",
        what=("BATCHMGR_POLL_SCHEDULE is missing", "503"),
        remedy=("*/15 * * * * *",),
        mend=put("BATCHMGR_POLL_SCHEDULE", "*/15 * * * * *"),
    ),
    "a schedule that is none": Broken(
        by=put("BATCHMGR_POLL_SCHEDULE", "every 15 seconds please"),
        check="settings",
        what=("'every 15 seconds please'", "NCRONTAB"),
        remedy=("*/15 * * * * *",),
        mend=put("BATCHMGR_POLL_SCHEDULE", "*/15 * * * * *"),
    ),
    "two wrong settings": Broken(
        by=several(put("BATCHMGR_STALL_LIMIT", "6 hours"), put("BATCHMGR_BLOB_SOURCE", "Polling")),
        check="settings",
        what=("BATCHMGR_BLOB_SOURCE is 'Polling'",),
        remedy=("Set it to EventGrid or LogsAndContainerScan",),
    ),
    "a reference that was not resolved": Broken(
        by=put("BATCHMGR_CALLBACK_KEY", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k)"),
        check="settings",
        what=("BATCHMGR_CALLBACK_KEY is a reference to Key Vault",),
        remedy=("set BATCHMGR_CALLBACK_KEY to the secret itself",),
    ),
    "a node identity by its client id": Broken(
        by=put("BATCHMGR_NODE_IDENTITY", GUID),
        check="settings",
        what=("is not the resource id of a user-assigned identity",),
        remedy=("az identity list",),
    ),
    "a misspelt setting": Broken(
        by=write_down("BATCHMGR_POOLID", "local"),
        check="settings",
        status=WARNING,
        what=("BATCHMGR_POOLID is read by nobody: is BATCHMGR_POOL_ID meant?",),
        remedy=("Remove BATCHMGR_POOLID",),
    ),
    "a pool that does not exist": Broken(
        by=put("BATCHMGR_POOL_ID", "hpc"),
        check="pool",
        what=("there is no pool 'hpc'", "rejected"),
        remedy=("There are: local", "Set BATCHMGR_POOL_ID to local", "az batch pool create --id hpc"),
        mend=put("BATCHMGR_POOL_ID", "local"),
    ),
    "a pool without nodes": Broken(
        by=resize(0),
        check="pool",
        what=("The pool 'local' has no nodes, and no autoscale formula",),
        remedy=("az batch pool resize --pool-id local --target-dedicated-nodes 1",),
        mend=resize(1),
    ),
    "a pool that got only some of its nodes": Broken(
        by=pool_with(vmSize="standard_d6000s_v5", targetDedicatedNodes=2),
        check="pool",
        what=("quota",),
        remedy=("az batch pool resize --pool-id broken",),
        status=WARNING,
    ),
    "a pool that got none of its nodes": Broken(
        by=pool_with(vmSize="standard_d20000s_v5"),
        check="pool",
        what=("The pool 'broken' got no nodes", "AccountCoreQuotaReached"),
        remedy=("when the cause is gone: a quota", "az batch pool resize --pool-id broken"),
    ),
    "nodes that take no tasks": Broken(
        by=disable_nodes,
        check="pool",
        what=("No node of pool 'local' can run tasks: 2 offline",),
        remedy=("Reboot, enable or replace", "az batch node reboot --pool-id local --node-id tvm"),
        mend=enable_nodes,
    ),
    "nodes whose start task failed": Broken(
        by=pool_with(startTask={"commandLine": "/bin/sh -c 'exit 3'", "waitForSuccess": True}),
        check="pool",
        what=("1 starttaskfailed", "exit code 3"),
        remedy=("Correct the pool's start task", "--file-path startup/stderr.txt", "az batch node reboot"),
    ),
    "callback hosts that never match": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", "https://hooks.example.com/batch"),
        check="callbacks",
        what=("'https://hooks.example.com/batch', which never matches",),
        remedy=("Set BATCHMGR_CALLBACK_HOSTS to hooks.example.com",),
        mend=put("BATCHMGR_CALLBACK_HOSTS", "hooks.example.com"),
    ),
    "callback hosts of anybody": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", "*example.com"),
        check="callbacks",
        status=WARNING,
        what=("'*example.com', which allows hosts of anybody",),
        remedy=("Set BATCHMGR_CALLBACK_HOSTS to *.example.com",),
        mend=put("BATCHMGR_CALLBACK_HOSTS", "*.example.com"),
    ),
    "no callback hosts": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", ""),
        check="callbacks",
        status=WARNING,
        what=("BATCHMGR_CALLBACK_HOSTS is empty",),
        remedy=("*.datafactory.azure.com",),
        mend=drop("BATCHMGR_CALLBACK_HOSTS"),
    ),
    "the worker exports to nowhere": Broken(
        by=put(BY_WORKER, "true"),
        check="telemetry",
        what=(f"{BY_WORKER} is true, but {INSIGHTS} is missing", "lost"),
        remedy=("az monitor app-insights component show",),
        mend=put(INSIGHTS, f"InstrumentationKey={GUID}"),
    ),
    "batchmgr exports to nowhere": Broken(
        by=put(BY_BATCHMGR, "1"),
        check="telemetry",
        what=(f"{BY_BATCHMGR} is true, but nothing says where",),
        remedy=(INSIGHTS, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        mend=put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
    ),
    "two exporters": Broken(
        by=several(
            put(BY_WORKER, "true"), put(BY_BATCHMGR, "true"), put(INSIGHTS, f"InstrumentationKey={GUID}")
        ),
        check="telemetry",
        status=WARNING,
        what=("both would export",),
        remedy=(f"Remove {BY_BATCHMGR}",),
        mend=drop(BY_BATCHMGR),
    ),
    "a connection string that ends with a semicolon": Broken(
        by=several(put(BY_WORKER, "true"), put(INSIGHTS, f"InstrumentationKey={GUID};")),
        check="telemetry",
        what=(f"{INSIGHTS} is not a list of name=value",),
        remedy=(INSIGHTS,),
        mend=put(INSIGHTS, f"InstrumentationKey={GUID}"),
    ),
    "an authentication string that ends with a semicolon": Broken(
        by=put("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Authorization=AAD;"),
        check="telemetry",
        what=("goes on without an identity",),
        remedy=("to Authorization=AAD,",),
        mend=put("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Authorization=AAD"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_set_up_is_explained_and_its_remedy_mends_it(set_up: SetUp, name: str) -> None:
    broken = BROKEN[name]
    await broken.by(set_up)
    findings = await set_up.examine()
    found = findings.of(broken.check)
    told = f"{found.status} {found.what}\n{found.remedy}"
    assert found.status is broken.status, told
    assert is_wrong(findings) is (broken.status is WRONG)
    assert [part for part in broken.what if part not in found.what] == [], told
    assert [part for part in broken.remedy if part not in found.remedy] == [], told
    if broken.mend is not None:
        await broken.mend(set_up)
        assert (await set_up.examine()).troubles == set()


async def test_a_wrong_setting_does_not_hide_another(set_up: SetUp) -> None:
    await BROKEN["two wrong settings"].by(set_up)
    texts = [one.what for one in await set_up.examine() if one.status is WRONG]
    assert texts == ["BATCHMGR_BLOB_SOURCE is 'Polling'", "BATCHMGR_STALL_LIMIT is '6 hours'"]


@pytest.mark.parametrize(("minutes", "side"), [(10, "ahead of"), (-10, "behind")])
async def test_a_clock_that_is_ten_minutes_off_is_told(set_up: SetUp, minutes: int, side: str) -> None:
    findings = await set_up.examine(now=lambda: time.time() + minutes * 60)
    found = findings.of("clock")
    assert found.status is WRONG
    assert f"10 minutes {side}" in found.what or f"9 minutes {side}" in found.what
    assert "timedatectl set-ntp true" in found.remedy


async def test_what_depends_on_something_broken_is_not_tried(set_up: SetUp) -> None:
    await drop("AzureWebJobsStorage")(set_up)
    await put("BATCHMGR_BATCH_KEY", OTHER_KEY)(set_up)
    findings = await set_up.examine()
    for check in ("blobs", "queues", "pool", "packages"):
        assert findings.of(check).status is UNKNOWN
        assert findings.of(check).what.startswith("not looked at, because ")


@pytest.mark.parametrize(
    ("to_nobody", "status", "what"),
    [(True, WRONG, "has not answered"), (False, UNKNOWN, "there was no answer in")],
)
async def test_a_service_that_never_answers_does_not_hold_the_command_up(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch, to_nobody: bool, status: Status, what: str
) -> None:
    """It answers nobody, or only who does not sign in."""

    async def never(request: web.Request) -> web.Response:
        if to_nobody or "Authorization" in request.headers:
            await asyncio.Event().wait()
        return web.Response()

    monkeypatch.setattr("batchmgr.doctor.check_endpoints.SECONDS", 0.3)
    monkeypatch.setattr("batchmgr.doctor.examine.SECONDS", 0.3)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", never)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await put("BATCHMGR_BATCH_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")(set_up)
        found = (await set_up.examine()).of("batch")
    finally:
        await runner.cleanup()
    assert found.status is status
    assert what in found.what
