"""A singleton lease: a blob lease that lets only one of several hosts run something."""

import asyncio
import logging

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient

from functions_host.storage_creation import create_blob

_DURATION = 15
_ACQUIRE_INTERVAL = 1.0
_RENEWAL_INTERVAL = 5.0

_log = logging.getLogger(__name__)


class SingletonLease:
    """A blob lease that one host at a time holds.

    It lasts 15 seconds, as in the real host in Development, and is renewed every 5 seconds. Hosts that do not
    hold it try to acquire it every second. If a host is killed, the others are blocked until its lease ends.
    """

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self._lease: BlobLeaseClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.held = asyncio.Event()
        """Set while this host holds the lease."""

    async def start(self) -> None:
        """Try once to acquire the lease, then keep acquiring or renewing it in the background."""
        await self._acquire_or_renew()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Release the lease."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        self.held.clear()
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await lease.release()
            except AzureError:
                _log.debug("The lease of '%s' had ended", self._blob.blob_name, exc_info=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_RENEWAL_INTERVAL if self.held.is_set() else _ACQUIRE_INTERVAL)
            await self._acquire_or_renew()

    async def _acquire_or_renew(self) -> None:
        try:
            if self._lease is not None:
                await self._lease.renew()
            else:
                self._lease = await self._acquire()
                self.held.set()
        except AzureError as error:
            self.held.clear()
            self._lease = None
            _log.debug("This host does not hold the lease of '%s': %s", self._blob.blob_name, error)

    async def _acquire(self) -> BlobLeaseClient:
        try:
            return await self._blob.acquire_lease(_DURATION)
        except ResourceNotFoundError:
            await create_blob(self._blob)
            return await self._blob.acquire_lease(_DURATION)
