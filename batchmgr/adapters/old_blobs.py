"""The blobs of a container that were written before a time."""

from collections.abc import Sequence
from datetime import datetime

from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import service_errors


async def old_blobs(
    container: ContainerClient, before: datetime, limit: int, *, suffix: str = ""
) -> Sequence[str]:
    """Return the names of the first `limit` of these blobs whose names end with `suffix`."""
    found: list[str] = []
    with service_errors("Blob storage"):
        async for blob in container.list_blobs():
            if len(found) == limit:
                break
            if blob.last_modified < before and blob.name.endswith(suffix):
                found.append(blob.name)
    return found
