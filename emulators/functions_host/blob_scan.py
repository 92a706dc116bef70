"""Finds new blobs by listing containers at intervals, on one host of several."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from functions_host.blob_enqueuing import ScannedFunction
from functions_host.blob_scan_state import BlobScanState
from functions_host.singleton_lease import SingletonLease
from functions_host.storage_logs import enable_logs, look_at_logs
from functions_host.unhandled_errors import UnhandledErrors

_INTERVAL_IN_AZURE = 10.0
_INTERVAL_OF_EMULATOR = 2.0
_PAGE = 10_000
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass
class _ScannedContainer:
    """A container, the functions that want its blobs, and what previous scans found."""

    client: ContainerClient
    state: BlobScanState
    functions: list[ScannedFunction] = field(default_factory=list)
    latest: datetime = _BEFORE_ALL
    """When the latest blob of all scans was modified. Older blobs are not looked at again."""
    done: set[tuple[str, str]] = field(default_factory=set)
    """Name and ETag of the blobs as old as `latest` that need no further look."""
    pending: set[str] = field(default_factory=set)
    """Names of the blobs that the next scan has to look at, however old they are."""


class BlobScan:
    """Scans the containers of all blob functions, while this host holds the lease.

    Where the account is part of the path of storage URLs, as in emulators, it scans every two seconds. Where
    the account is part of the host name, as in Azure, it scans every ten seconds. It then also looks at the
    logs of the account, and remembers over restarts which blobs are old.
    """

    def __init__(
        self,
        *,
        blobs: BlobServiceClient,
        host_container: ContainerClient,
        host_id: str,
        lease: SingletonLease,
        interval: float | None,
        errors: UnhandledErrors,
    ) -> None:
        self._blobs = blobs
        self._host_container = host_container
        self._host_id = host_id
        self._lease = lease
        self._is_in_azure = not urlsplit(blobs.url).path.strip("/")
        self._interval = interval or (_INTERVAL_IN_AZURE if self._is_in_azure else _INTERVAL_OF_EMULATOR)
        self._errors = errors
        self._containers: dict[str, _ScannedContainer] = {}
        self._stopping = asyncio.Event()
        self._scanner: asyncio.Task[None] | None = None

    def add(self, function: ScannedFunction) -> None:
        """Also find the blobs of this function. Call this before the start."""
        client = function.container
        if client.url not in self._containers:
            state = BlobScanState(
                self._host_container, self._host_id, function.blobs, function.pattern.container
            )
            self._containers[client.url] = _ScannedContainer(client, state)
        self._containers[client.url].functions.append(function)

    def notify(self, function: ScannedFunction, name: str) -> None:
        """Look at a blob in the next scan, however old it is."""
        self._containers[function.container.url].pending.add(name)

    async def start(self) -> None:
        """Start to scan, if there is anything to scan."""
        if self._containers:
            if self._is_in_azure:
                await enable_logs(self._blobs)
                for container in self._containers.values():
                    container.latest = await container.state.load() or container.latest
            await self._lease.start()
            self._scanner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop scanning, after the current blob."""
        self._stopping.set()
        if self._scanner is not None:
            await self._scanner
            await self._lease.stop()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if not await self._lease.wait_until_held(unless=self._stopping):
                continue
            try:
                if self._is_in_azure:
                    await look_at_logs(self._blobs)
                for container in self._containers.values():
                    await self._scan(container)
            except Exception as error:
                self._errors.report("new blobs", error)
            try:
                async with asyncio.timeout(self._interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _scan(self, container: _ScannedContainer) -> None:
        for name in sorted(container.pending):
            await self._enqueue(container, name)
        blobs = [blob for blob in await self._list(container) if blob.last_modified >= container.latest]
        container.done &= {(blob.name, blob.etag) for blob in blobs}
        for blob in blobs:
            if self._stopping.is_set():
                return
            version = blob.name, blob.etag
            if version not in container.done and await self._enqueue(container, blob.name):
                container.done.add(version)
        latest = max((blob.last_modified for blob in blobs), default=container.latest)
        if latest > container.latest:
            container.latest = latest
            # A blob that is still pending must be found by the next host, should this one be killed.
            if self._is_in_azure and not container.pending:
                await container.state.save(latest)

    async def _enqueue(self, container: _ScannedContainer, name: str) -> bool:
        """Enqueue a blob for all functions that want it. Return False if it has to be tried again."""
        container.pending.add(name)
        matching = [function for function in container.functions if function.pattern.match(name) is not None]
        results = [await function.enqueue(name) for function in matching]
        if all(results):
            container.pending.discard(name)
        return all(results)

    async def _list(self, container: _ScannedContainer) -> Sequence[BlobProperties]:
        # The real host leaves the size of a page to the emulator.
        pages = container.client.list_blobs(results_per_page=_PAGE if self._is_in_azure else None)
        try:
            return [blob async for blob in pages]
        except ResourceNotFoundError:
            return []  # The container is missing. The writer of the blobs creates it.
