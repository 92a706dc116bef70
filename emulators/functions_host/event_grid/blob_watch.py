"""Finds the blobs of a storage account that a subscription wants, by listing its containers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from functions_host.event_grid.event_subscription import BLOB_CREATED, EventFilter, blob_subject

BlobKey = tuple[str, str]
"""A container and the name of a blob in it."""

_BLOCK_BLOB = "BlockBlob"
_NO_RETRIES: dict[str, Any] = {"retry_total": 0}
"""The next listing is the retry."""


@dataclass(frozen=True, kw_only=True)
class BlobVersion:
    """A blob as a listing shows it."""

    container: str
    name: str
    container_url: str
    etag: str
    """Without quotes."""
    blob_type: str
    content_type: str
    size: int
    has_md5: bool
    created: datetime
    last_modified: datetime

    @property
    def key(self) -> BlobKey:
        """The container and the name."""
        return self.container, self.name

    @property
    def url(self) -> str:
        """The URL of the blob, with percent-encoding."""
        return f"{self.container_url}/{quote(self.name, safe='~/')}"

    @property
    def is_block_blob(self) -> bool:
        """Whether it is a block blob."""
        return self.blob_type == _BLOCK_BLOB

    @property
    def tag(self) -> str:
        """What differs between two versions for which Azure raises two events.

        It is the ETag of a block blob. Appending to an append blob or writing pages raises no event, so
        for the other types it is the time when the blob was created.
        """
        return self.etag if self.is_block_blob else self.created.isoformat()


class BlobWatch:
    """Lists the blobs of an account that match a filter."""

    def __init__(self, blobs: BlobServiceClient, event_filter: EventFilter) -> None:
        self._blobs = blobs
        self._filter = event_filter

    async def list_versions(self) -> dict[BlobKey, BlobVersion]:
        """Return the matching blobs as they are now. Raises AzureError."""
        found = {}
        for name in await self._containers():
            try:
                versions = await self._list_container(name)
            except ResourceNotFoundError:
                continue  # It is deleted, or not created yet.
            found.update({version.key: version for version in versions})
        return found

    async def _containers(self) -> list[str]:
        if (only := self._filter.container) is not None:
            return [only]
        containers = self._blobs.list_containers(
            name_starts_with=self._filter.container_prefix or None, **_NO_RETRIES
        )
        return [container.name async for container in containers]

    async def _list_container(self, name: str) -> list[BlobVersion]:
        container = self._blobs.get_container_client(name)
        return [
            _version(container, blob)
            async for blob in container.list_blobs(**_NO_RETRIES)
            if self._filter.matches(BLOB_CREATED, blob_subject(name, blob.name))
        ]


def _version(container: ContainerClient, blob: BlobProperties) -> BlobVersion:
    settings = blob.content_settings
    return BlobVersion(
        container=container.container_name,
        name=blob.name,
        container_url=container.url.partition("?")[0],
        # Azure lists ETags without quotes, Azurite with quotes.
        etag=blob.etag.strip('"'),
        blob_type=str(getattr(blob.blob_type, "value", blob.blob_type)),
        content_type=settings.content_type or "application/octet-stream",
        size=blob.size,
        has_md5=settings.content_md5 is not None,
        created=blob.creation_time,
        last_modified=blob.last_modified,
    )
