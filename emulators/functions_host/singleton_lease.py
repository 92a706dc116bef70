"""Makes one host of several the only one that runs something."""

import asyncio
import logging

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient

_DURATION = 15
_RETRY = 1.0
_RENEWAL = 5.0

_log = logging.getLogger(__name__)


class SingletonLease:
    """A blob lease, renewed while it is ours and sought every second while it is another's.

    It lasts 15 seconds, as the real host's does in Development: so long a host that is killed blocks others.
    """

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self._lease: BlobLeaseClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.held = asyncio.Event()

    async def start(self) -> None:
        """Try to take the lease once, and keep trying and renewing from then on."""
        await self._step()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Give the lease back."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        self.held.clear()
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await lease.release()
            except AzureError:
                _log.debug("The lease of '%s' was gone", self._blob.blob_name, exc_info=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_RENEWAL if self.held.is_set() else _RETRY)
            await self._step()

    async def _step(self) -> None:
        try:
            if self._lease is not None:
                await self._lease.renew()
            else:
                self._lease = await self._acquire()
                self.held.set()
        except AzureError as error:
            self.held.clear()
            self._lease = None
            _log.debug("The lease of '%s' is not ours: %s", self._blob.blob_name, error)

    async def _acquire(self) -> BlobLeaseClient:
        try:
            return await self._blob.acquire_lease(_DURATION)
        except ResourceNotFoundError:
            try:
                await self._blob.upload_blob(b"")
            except ResourceExistsError:
                _log.debug("Another host created '%s'", self._blob.blob_name)
            return await self._blob.acquire_lease(_DURATION)
