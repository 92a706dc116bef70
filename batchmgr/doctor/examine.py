"""All checks of one app by its settings, in the order in which one depends on another."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from batchmgr.adapters.service_errors import without_secrets
from batchmgr.bootstrap import (
    open_batch_client,
    open_blob_service,
    open_data_account,
    open_publisher,
    open_queue_service,
)
from batchmgr.doctor.batch_calls import BatchCalls
from batchmgr.doctor.check_batch import check_account, check_packages, declared_packages
from batchmgr.doctor.check_callbacks import check_callbacks
from batchmgr.doctor.check_data import check_data
from batchmgr.doctor.check_endpoints import Endpoint, Now, ask_endpoints, check_clock
from batchmgr.doctor.check_event_topic import check_event_topic
from batchmgr.doctor.check_identity import Caller, check_identity
from batchmgr.doctor.check_pool import check_pool
from batchmgr.doctor.check_settings import batch_account, check_settings
from batchmgr.doctor.check_storage import check_blobs, check_queues
from batchmgr.doctor.check_telemetry import check_telemetry
from batchmgr.doctor.finding import Finding, Status, fine, unknown, wrong
from batchmgr.doctor.read_settings import FoundSettings
from batchmgr.doctor.remedies import Remedies
from batchmgr.errors import BatchmgrError, SettingsError
from batchmgr.settings import STORAGE, Settings
from batchmgr.telemetry_port import NoTelemetry

SECONDS = 10.0
"""How long one check may take. The longest way has three of them, one after the other."""

BLOBS, QUEUES, DATA, BATCH, TOPIC = "blobs", "queues", "data", "batch", "event topic"
TOKEN_OF = {BATCH: "batch", TOPIC: "event topic"}
"""Of which kind the token for a service is, if it is not `storage`."""


async def examine_settings(
    found: FoundSettings, remedies: Remedies | None = None, now: Now = time.time
) -> list[Finding]:
    """Look at an app by its settings, and return all findings. Nothing is raised, and nothing changed."""
    remedies = remedies or Remedies(source=found.source)
    settings, findings = check_settings(found.environment, found.listed, remedies)
    async with AsyncExitStack() as stack:
        try:
            urls = await _urls(settings, stack)
        except SettingsError as error:
            findings.append(wrong("settings", str(error), f"Copy it anew from the portal, into {STORAGE}."))
            settings, urls = replace(settings, storage_connection_string=""), {}
        endpoints, (caller, of_identity) = await asyncio.gather(
            ask_endpoints(urls, now), check_identity(settings, found.environment, remedies)
        )
        remedies = replace(remedies, assignee=remedies.assignee or caller.object_id)
        findings += [*of_identity, check_clock(endpoints)]
        findings += await _services(settings, endpoints, caller, remedies, stack)
    has_key = bool(settings.callback_key) or bool(found.environment.get("BATCHMGR_CALLBACK_KEY"))
    findings += check_callbacks(settings, has_key=has_key, remedies=remedies)
    findings += check_telemetry(settings, found.environment, remedies)
    return findings


async def limited(check: str, work: Awaitable[list[Finding]]) -> list[Finding]:
    """Return what a check finds. If it takes too long or fails itself, say so."""
    try:
        async with asyncio.timeout(SECONDS):
            return await work
    except TimeoutError:
        return [unknown(check, f"there was no answer in {SECONDS:.0f} s")]
    except BatchmgrError as error:
        return [unknown(check, f"something failed: {error}")]
    except Exception as error:  # an answer of a shape that nobody expects must not hide the other findings
        told = without_secrets(f"{type(error).__name__}: {error}")
        return [unknown(check, f"the answer was not understood ({told})")]


async def _urls(settings: Settings, stack: AsyncExitStack) -> dict[str, str]:
    """Return the URLs of the services that are configured. Raise SettingsError for a connection string."""
    urls = {}
    if settings.storage_connection_string:
        urls[BLOBS] = (await open_blob_service(settings, stack, NoTelemetry())).url
        urls[QUEUES] = (await open_queue_service(settings, stack, NoTelemetry())).url
    else:
        urls |= {BLOBS: settings.blob_service_uri, QUEUES: settings.queue_service_uri}
    if (data := await open_data_account(settings, stack, NoTelemetry())) is not None:
        urls[DATA] = data.service.url
    urls |= {BATCH: settings.batch_endpoint, TOPIC: settings.event_topic}
    return {name: url for name, url in urls.items() if url}


async def _services(
    settings: Settings,
    endpoints: Mapping[str, Endpoint],
    caller: Caller,
    remedies: Remedies,
    stack: AsyncExitStack,
) -> list[Finding]:
    telemetry = NoTelemetry()
    has_identity = bool(settings.node_identity)
    of_storage = Caller() if settings.storage_connection_string else caller
    of_data = Caller() if settings.data_connection_string else caller
    of_batch = Caller() if settings.batch_key else caller

    async def blobs() -> list[Finding]:
        service = await open_blob_service(settings, stack, telemetry)
        return await check_blobs(service, of_storage, remedies, nodes_have_identity=has_identity)

    async def queues() -> list[Finding]:
        service = await open_queue_service(settings, stack, telemetry)
        return await check_queues(service, of_storage, remedies)

    async def data() -> list[Finding]:
        account = await open_data_account(settings, stack, telemetry)
        return [] if account is None else await check_data(account.service, of_data, remedies)

    async def topic() -> list[Finding]:
        client = await open_publisher(settings, stack)
        return await check_event_topic(client, settings.event_topic, caller, remedies)

    async def batch() -> list[Finding]:
        calls = BatchCalls(await open_batch_client(settings, stack, telemetry))
        return await _batch(calls, settings, of_batch, remedies)

    checks: dict[str, Callable[[], Awaitable[list[Finding]]]] = {BLOBS: blobs, QUEUES: queues, BATCH: batch}
    if DATA in endpoints:
        checks[DATA] = data
    if TOPIC in endpoints:
        checks[TOPIC] = topic
    found = await asyncio.gather(
        *(
            _if_reachable(name, endpoints, caller, bool(remedies.app_id), check)
            for name, check in checks.items()
        )
    )
    return [finding for findings in found for finding in findings]


async def _if_reachable(
    name: str,
    endpoints: Mapping[str, Endpoint],
    caller: Caller,
    for_app: bool,
    check: Callable[[], Awaitable[list[Finding]]],
) -> list[Finding]:
    if name not in endpoints:
        return [unknown(name, "it is not configured")]
    if (problem := endpoints[name].problem) is not None:
        if for_app:  # the app itself may reach it, such as in a private network
            return [unknown(name, f"this machine can't reach it: {problem.what}", problem.remedy)]
        return [problem]
    if TOKEN_OF.get(name, "storage") in caller.without_token:
        return [unknown(name, "there is no token for it")]
    return await limited(name, check())


async def _batch(calls: BatchCalls, settings: Settings, caller: Caller, remedies: Remedies) -> list[Finding]:
    findings = await check_account(calls, settings, caller, remedies)
    if any(finding.status is not Status.FINE for finding in findings):
        return [
            *findings,
            *(unknown(check, "Azure Batch can't be used") for check in ("pool", "packages")),
        ]
    pool, packages = await asyncio.gather(
        limited("pool", check_pool(calls, settings, remedies)),
        limited("packages", _packages(calls, settings)),
    )
    return [*findings, *pool, *packages]


async def _packages(calls: BatchCalls, settings: Settings) -> list[Finding]:
    packages, findings = await asyncio.to_thread(declared_packages, settings)  # it imports workloads
    account = batch_account(settings) or "<account>"
    publish = f"--subscription <id> --resource-group <group> --account {account}"
    if not packages:
        findings.append(fine("packages", "no workload that is installed here declares one"))
    else:
        findings += check_packages(packages, await calls.package_versions(), defaults=None, publish=publish)
    return findings
