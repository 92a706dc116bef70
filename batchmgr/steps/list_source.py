"""Lists the blobs of a taskPerFile factory, within bounds, and tells how far it has come if it takes long."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from batchmgr.errors import InvalidJobError, ServiceBusyError, ServiceNotFoundError
from batchmgr.factories.blob_patterns import matches
from batchmgr.factories.factory_tasks import check_task_count
from batchmgr.factories.task_per_file import SOURCE
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.waiting_for import WaitingFor, listing_blobs
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.ports import Ports
from batchmgr.steps.claim import ClaimedJob
from batchmgr.steps.meanwhile import meanwhile
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.events import listing_event
from batchmgr.wire.factory_message import BlobSource

MAX_LISTED = 500_000
"""How many blobs of a source are looked at, whether they match or not: so many take half a minute."""

TIME_LIMIT = timedelta(seconds=60)
"""How long one listing may take. The names of one that was broken off are not kept."""

TELL_PAUSE = timedelta(seconds=5)


@dataclass
class Count:
    """How many blobs were listed so far, and how many of them match."""

    listed: int = 0
    found: int = 0


def source_need(source: BlobSource) -> ContainerNeed:
    """Return the container of a source."""
    return ContainerNeed(
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
        identity_reference=source.identity_reference,
    )


async def list_source(storage: NodeStorageView, source: BlobSource, count: Count | None = None) -> list[str]:
    """Return the names of the blobs that match, and count them meanwhile.

    Raise InvalidJobError for a source that can't be listed or has too many blobs, and ServiceBusyError if the
    time is up.
    """
    count = count or Count()
    try:
        async with asyncio.timeout(TIME_LIMIT.total_seconds()):
            return await _matching(storage, source, count)
    except InvalidJobError as error:
        raise InvalidJobError(error.reason, field=error.field or f"{SOURCE}.storageAccountName") from error
    except ServiceNotFoundError as error:
        raise InvalidJobError(
            f"there is no container {source.container_name!r}", field=f"{SOURCE}.containerName"
        ) from error
    except TimeoutError as error:
        raise ServiceBusyError(
            f"only {count.listed:,} blobs of container {source.container_name!r} were listed in "
            f"{TIME_LIMIT.seconds} s: storage is slow",
            code="Timeout",
        ) from error


async def _matching(storage: NodeStorageView, source: BlobSource, count: Count) -> list[str]:
    found: list[str] = []
    async with aclosing(storage.list_blobs(source_need(source), source.prefix)) as names:
        async for name in names:
            count.listed += 1
            if count.listed > MAX_LISTED:
                raise InvalidJobError(
                    f"more than {MAX_LISTED:,} blobs begin with {source.prefix!r}: give a longer prefix",
                    field=f"{SOURCE}.prefix",
                )
            if not source.pattern or matches(source.pattern, name):
                found.append(name)
                count.found = len(found)
                check_task_count(count.found, field=SOURCE)
    return found


async def list_and_tell(ports: Ports, mine: ClaimedJob, source: BlobSource) -> list[str]:
    """Return what `list_source` returns. Every five seconds, save and publish how far it has come.

    Raise RecordChangedError if the job was cancelled meanwhile, or taken over.
    """
    count, since = Count(), ports.clock.now()

    async def tell() -> None:
        why = listing_blobs(source.container_name, count.listed, count.found, since)
        await mine.save(
            partial(JobRecord.listing, now=ports.clock.now(), waiting_for=why),
            partial(_events, count=count, why=why),
        )

    return await meanwhile(ports.clock, TELL_PAUSE, tell, partial(list_source, ports.storage, source, count))


def _events(record: JobRecord, *, count: Count, why: WaitingFor) -> list[Event]:
    return [listing_event(record, why, listed=count.listed, found=count.found)]
