"""Blob receipts: empty blobs that record which version of which blob was enqueued for a function.

The path of a receipt is `blobreceipts/{hostId}/{functionId}/{etag}/{container}/{blob}`, in the container
`azure-webjobs-hosts`. A receipt means that the blob was enqueued, not that its function ran.
"""

from azure.storage.blob.aio import ContainerClient

from functions_host.storage_creation import create_blob


class BlobReceipts:
    """The blob receipts of one function."""

    def __init__(self, host_container: ContainerClient, host_id: str, function_id: str) -> None:
        self._host_container = host_container
        self._prefix = f"blobreceipts/{host_id}/{function_id}"
        self._known: set[str] = set()

    async def exists(self, container: str, blob: str, etag: str) -> bool:
        """Return whether there is a receipt for this version of a blob."""
        name = self._name(container, blob, etag)
        if name not in self._known and await self._host_container.get_blob_client(name).exists():
            self._known.add(name)
        return name in self._known

    async def write(self, container: str, blob: str, etag: str) -> None:
        """Write the receipt for this version of a blob."""
        name = self._name(container, blob, etag)
        await create_blob(self._host_container.get_blob_client(name))
        self._known.add(name)

    def _name(self, container: str, blob: str, etag: str) -> str:
        return f"{self._prefix}/{etag}/{container}/{blob}"
