"""A singleton lease: a blob lease that lets only one of several hosts run something."""

import asyncio
import logging
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, ContainerClient

from functions_host.lease_owner import record_owner, release_if_owner_died
from functions_host.storage_creation import create_blob, create_container
from functions_host.unhandled_errors import UnhandledErrors

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts, and how often hosts ask for it. All are in seconds."""

    duration: int = 60
    """How long it lasts. It is renewed after half of that. Storage allows 15 to 60."""
    recovery_interval: float = 60.0
    """The time between two attempts of a host that does not hold it. The first is made at the start."""
    patient: bool = False
    """Whether the lease of a process of this machine that no longer runs is ended at once."""

    @classmethod
    def of(cls, *, development: bool, patient: bool) -> "LeaseTimes":
        """Return the times of the host's leases. They are short in Development, as in the real host."""
        duration = 15 if patient or development else 60
        return cls(duration=duration, recovery_interval=1.0 if patient else 60.0, patient=patient)


class SingletonLease:
    """A blob lease that one host at a time holds.

    A host that cannot acquire it tries again after `recovery_interval`, even if the lease was released or has
    ended since. A host that cannot renew it has a failure, as in the real host.
    """

    def __init__(
        self, container: ContainerClient, name: str, *, times: LeaseTimes, errors: UnhandledErrors
    ) -> None:
        self._container = container
        self._blob: BlobClient = container.get_blob_client(name)
        self._times = times
        self._errors = errors
        self._lease: BlobLeaseClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.held = asyncio.Event()
        """Set while this host holds the lease."""

    async def start(self) -> None:
        """Try once to acquire the lease, then keep acquiring or renewing it in the background."""
        await self._try_to_acquire()
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

    async def wait_until_held(self, *, unless: asyncio.Event) -> bool:
        """Wait until this host holds the lease or `unless` is set. Return whether the lease is held."""
        waits = [asyncio.create_task(event.wait()) for event in (self.held, unless)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self.held.is_set()

    async def _keep(self) -> None:
        while True:
            held = self._lease is not None
            await asyncio.sleep(self._times.duration / 2 if held else self._times.recovery_interval)
            try:
                await (self._renew() if held else self._try_to_acquire())
            except Exception as error:
                self._lose(error)

    async def _renew(self) -> None:
        """Renew the lease. Raises AzureError if storage cannot be reached, or another host has the lease."""
        try:
            if self._lease is not None:
                await self._lease.renew()
        except HttpResponseError as error:
            if (error.status_code or 0) < 500:
                raise
            _log.warning("The lease of '%s' cannot be renewed yet: %s", self._blob.blob_name, error)

    def _lose(self, error: Exception) -> None:
        self.held.clear()
        self._lease = None
        self._errors.report(f"the lease '{self._blob.blob_name}'", error)

    async def _try_to_acquire(self) -> None:
        try:
            self._lease = await self._acquire()
            if self._times.patient:
                await record_owner(self._blob, self._lease)
        except AzureError as error:
            if self._lease is None:
                _log.debug("This host does not hold the lease of '%s': %s", self._blob.blob_name, error)
                return
            _log.debug("The owner of '%s' cannot be recorded: %s", self._blob.blob_name, error)
        self.held.set()

    async def _acquire(self) -> BlobLeaseClient:
        try:
            return await self._blob.acquire_lease(self._times.duration)
        except ResourceNotFoundError:
            await self._create()
        except ResourceExistsError:
            if not self._times.patient or not await release_if_owner_died(self._blob):
                raise
        return await self._blob.acquire_lease(self._times.duration)

    async def _create(self) -> None:
        """Create the blob, and the container first if it is missing. Other hosts may do the same just now."""
        try:
            await create_blob(self._blob)
        except ResourceNotFoundError:
            await create_container(self._container)
            await create_blob(self._blob)
