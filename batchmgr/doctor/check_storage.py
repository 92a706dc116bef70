"""The containers and queues: whether they exist, what the roles allow, what lies in the poison queues.

Roles are tried. What would be written has a condition that can't be met, so that nothing ever changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import CALLBACKS, FINALIZE, JOB_REQUESTS, POISON, POLLS, PROGRESS, QUEUES
from batchmgr.adapters.service_errors import service_errors
from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.finding import Finding, fine, warning, wrong
from batchmgr.doctor.remedies import STORAGE, Remedies
from batchmgr.doctor.without_access import refused
from batchmgr.errors import ServiceError
from batchmgr.plan.file_specifications import JOBS_CONTAINER, OWN_CONTAINERS
from batchmgr.queue_ports import PoisonQueue

BLOB_ROLE, QUEUE_ROLE = "Storage Blob Data Owner", "Storage Queue Data Contributor"
PROBE = "batchmgr-doctor-probe"
"""The name of a blob, and the id of a message, that do not exist."""

_POISONED = {
    JOB_REQUESTS: "jobs that batchmgr could not use, and whose sender it could not tell",
    CALLBACKS: "callbacks that were given up. GET /api/dead-letters lists them, and after its receiver is "
    "mended POST /api/jobs/{jobId}/redrive sends one again",
    FINALIZE: "jobs that are to be finalized. If they stay, the app does not poll: is it running?",
    POLLS: "polls that have failed. Nothing is lost: the jobs are polled again",
    PROGRESS: "events that a consumer of yours has failed to handle",
    PoisonQueue.BLOBS.removesuffix(
        POISON
    ): "finalize blobs that the host has given up. If they stay, the app does not poll: is it running?",
}


async def check_blobs(
    blobs: BlobServiceClient, caller: Caller, remedies: Remedies, *, nodes_have_identity: bool
) -> list[Finding]:
    """Return what is to be said about the blob service."""
    account = str(blobs.account_name)

    def no_access(error: ServiceError, what: str) -> Finding:
        return refused(
            "blobs", error, caller, what, remedies.give_role(BLOB_ROLE, STORAGE, account), BLOB_ROLE
        )

    try:
        missing = await _missing(
            {
                name: blobs.get_container_client(name).get_container_properties
                for name in sorted(OWN_CONTAINERS)
            },
            "Blob storage",
        )
    except ServiceError as error:
        return [no_access(error, "read containers")]
    findings = list(_containers(missing, account, remedies))
    try:
        if JOBS_CONTAINER not in missing:
            await _try_blobs(blobs)
            findings.append(fine("blobs", f"the account {account} can be read and written"))
    except ServiceError as error:
        findings.append(no_access(error, "write blobs"))
    findings.append(
        await _signatures(blobs, caller, remedies, account, nodes_have_identity=nodes_have_identity)
    )
    return findings


async def check_queues(queues: QueueServiceClient, caller: Caller, remedies: Remedies) -> list[Finding]:
    """Return what is to be said about the queue service."""
    account = str(queues.account_name)
    counts: dict[str, int] = {}

    def count(name: str) -> Callable[[], Awaitable[object]]:
        async def call() -> None:
            properties = await queues.get_queue_client(name).get_queue_properties()
            counts[name] = int(properties.approximate_message_count or 0)

        return call

    try:
        names = (*QUEUES, PoisonQueue.BLOBS)  # the last one is the host's, who makes it when it needs it
        gone = await _missing({str(name): count(name) for name in names}, "Queue storage")
        missing = [name for name in gone if name in QUEUES]
        if JOB_REQUESTS not in missing:
            await _try_messages(queues)
    except ServiceError as error:
        command = remedies.give_role(QUEUE_ROLE, STORAGE, account)
        return [refused("queues", error, caller, "use queues", command, QUEUE_ROLE)]
    findings = list(_queues(missing, account, remedies))
    poison = list(_poison(counts))
    if not findings:
        waiting = counts.get(JOB_REQUESTS, 0)
        findings.append(fine("queues", f"all {len(QUEUES)} are there; {waiting} job requests wait"))
    return findings + (poison or [fine("poison", "no message lies in a poison queue")])


async def _missing(calls: dict[str, Callable[[], Awaitable[object]]], service: str) -> list[str]:
    """Make the calls at the same time, and return the names of what does not exist."""

    async def is_missing(call: Callable[[], Awaitable[object]]) -> bool:
        with service_errors(service):
            try:
                await call()
            except ResourceNotFoundError:
                return True
        return False

    found = await asyncio.gather(*map(is_missing, calls.values()))
    return [name for name, gone in zip(calls, found, strict=True) if gone]


def _containers(missing: list[str], account: str, remedies: Remedies) -> Iterator[Finding]:
    if not missing:
        yield fine("containers", f"all {len(OWN_CONTAINERS)} are there")
    elif len(missing) == len(OWN_CONTAINERS):
        yield _never_started("containers", account, remedies)
    for name in missing if len(missing) < len(OWN_CONTAINERS) else ():
        yield wrong(
            "containers", f"the container {name} is missing", _create("container", name, remedies, account)
        )


def _queues(missing: list[str], account: str, remedies: Remedies) -> Iterator[Finding]:
    if len(missing) == len(QUEUES):
        yield _never_started("queues", account, remedies)
        return
    for name in missing:
        yield wrong("queues", f"the queue {name} is missing", _create("queue", name, remedies, account))


def _never_started(check: str, account: str, remedies: Remedies) -> Finding:
    return warning(
        check,
        f"none of batchmgr's {check} is in the account {account}: the app has not started with it yet",
        "Start the app. It creates them at its first call:\n    curl <url of the app>/api/health",
    )


def _create(kind: str, name: str, remedies: Remedies, account: str) -> str:
    restart = remedies.restart()
    return (
        "Start the app again: it creates what is missing"
        + (f":\n{restart}\n" if restart else ". ")
        + f"Or:\n    az storage {kind} create --name {name} --account-name {account} --auth-mode login"
    )


async def _try_blobs(blobs: BlobServiceClient) -> None:
    """List blobs, and write one on a condition that nothing meets. Raise ServiceError without access."""
    container = blobs.get_container_client(JOBS_CONTAINER)
    with service_errors("Blob storage"):
        async for _ in container.list_blob_names(name_starts_with=PROBE, results_per_page=1):
            break
        try:
            await container.get_blob_client(PROBE).upload_blob(
                b"", overwrite=True, etag='"0x0"', match_condition=MatchConditions.IfNotModified
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return


async def _try_messages(queues: QueueServiceClient) -> None:
    """Look at a message, and delete one that does not exist. Raise ServiceError without access."""
    queue = queues.get_queue_client(JOB_REQUESTS)
    with service_errors("Queue storage"):
        await queue.peek_messages(max_messages=1)
        try:
            await queue.delete_message("00000000-0000-0000-0000-000000000000", "AAAAAAAAAAAAAAAA")
        except HttpResponseError as error:
            if error.status_code not in {400, 404}:  # it is allowed, but there is no such message
                raise


async def _signatures(
    blobs: BlobServiceClient,
    caller: Caller,
    remedies: Remedies,
    account: str,
    *,
    nodes_have_identity: bool,
) -> Finding:
    check = "signatures"
    if getattr(blobs.credential, "account_key", ""):
        return fine(check, "nodes get signatures that are made with the account's key")
    now = datetime.now(UTC)
    try:
        with service_errors("Blob storage"):
            await blobs.get_user_delegation_key(key_start_time=now, key_expiry_time=now + timedelta(hours=1))
    except ServiceError as error:
        command = remedies.give_role(BLOB_ROLE, STORAGE, account)
        found = refused(check, error, caller, "make signatures for nodes", command, BLOB_ROLE)
        if nodes_have_identity and found.remedy and caller.is_app:
            return warning(check, f"{found.what}. Only jobs with an autoPool need it", found.remedy)
        return found
    kind = "with the identity of the app; they end after 7 days at most"
    return fine(check, f"nodes get signatures that are made {kind}")


def _poison(counts: dict[str, int]) -> Iterable[Finding]:
    for name, count in counts.items():
        if count and name.endswith(POISON):
            yield warning(
                "poison",
                f"{count} message{'s lie' if count > 1 else ' lies'} in {name}: "
                f"{_POISONED[name.removesuffix(POISON)]}",
                "Read them; delete what is not needed:\n"
                f"    az storage message peek --queue-name {name} --num-messages 32 --auth-mode login "
                "--account-name <storage account>",
            )
