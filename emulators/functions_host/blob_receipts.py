"""Blob receipts: empty blobs that record which version of which blob was enqueued for a function.

The path of a receipt is `blobreceipts/{hostId}/{functionId}/{etag}/{container}/{blob}`, in the container
`azure-webjobs-hosts`. A receipt means that the blob was enqueued, not that its function ran.

It is created before the message is sent, with the metadata `incomplete`. That is removed when the message
was sent. A lease on the receipt keeps two hosts from sending the same message.
"""

import logging
from types import TracebackType
from typing import Self

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from functions_host.storage_creation import create_blob, create_container

_INCOMPLETE = {"incomplete": "Incomplete"}
_LEASE_SECONDS = 30

_log = logging.getLogger(__name__)


class BlobReceipts:
    """The blob receipts of one function."""

    def __init__(self, host_container: ContainerClient, host_id: str, function_id: str) -> None:
        self._host_container = host_container
        self._prefix = f"blobreceipts/{host_id}/{function_id}"

    def of(self, container: str, blob: str, etag: str) -> "BlobReceipt":
        """Return the receipt for a version of a blob. It need not exist."""
        return BlobReceipt(self._host_container, f"{self._prefix}/{etag}/{container}/{blob}")


class BlobReceipt:
    """One receipt. As a context manager, it gives back its lease at the end."""

    def __init__(self, host_container: ContainerClient, name: str) -> None:
        self._host_container = host_container
        self._blob = host_container.get_blob_client(name)
        self._lease: BlobLeaseClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is not None:
            try:
                await self._lease.release()
            except (ResourceExistsError, ResourceNotFoundError):
                _log.debug("The lease of receipt '%s' had ended", self._blob.blob_name)

    async def is_complete(self) -> bool | None:
        """Return whether the message of this receipt was sent. None means that there is no receipt."""
        try:
            properties = await self._blob.get_blob_properties()
        except ResourceNotFoundError:
            return None
        return not any(name.lower() in _INCOMPLETE for name in properties.metadata or {})

    async def create(self) -> bool:
        """Create an incomplete receipt, and its container if that is missing. Return False if it exists."""
        try:
            return await create_blob(self._blob, metadata=_INCOMPLETE)
        except ResourceNotFoundError:
            await create_container(self._host_container)
            return await create_blob(self._blob, metadata=_INCOMPLETE)

    async def acquire(self) -> bool:
        """Acquire the lease. Return False if somebody else holds it, or has deleted the receipt."""
        try:
            self._lease = await self._blob.acquire_lease(_LEASE_SECONDS)
        except (ResourceExistsError, ResourceNotFoundError):
            return False
        return True

    async def complete(self) -> None:
        """Record that the message was sent."""
        try:
            await self._blob.set_blob_metadata({}, lease=self._lease)
        except (ResourceModifiedError, ResourceNotFoundError):
            # Somebody else completes it, or has deleted it: in both cases the blob may be enqueued twice.
            _log.warning("The lease of receipt '%s' ended too early", self._blob.blob_name)
