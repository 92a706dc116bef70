"""How a node reaches a blob container: by a signed URL, or by a managed identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from batchmgr.plan.file_specifications import ContainerNeed


@dataclass(frozen=True, kw_only=True)
class ContainerAccess:
    """A node's access to one container.

    `url` is the container's, without a query. `query` is a shared access signature (SAS) without the `?`,
    `identity_reference` the resource id of a managed identity: one of the two is set. `ends_at` is when the
    signature ends.
    """

    url: str
    query: str = ""
    identity_reference: str = ""
    ends_at: datetime | None = None

    def blob_url(self, path: str) -> str:
        """Return the URL of one blob, with the signature if there is one."""
        return self._signed(f"{self.url}/{quote(path)}")

    @property
    def container_url(self) -> str:
        """Return the URL of the container, with the signature if there is one."""
        return self._signed(self.url)

    def _signed(self, url: str) -> str:
        return f"{url}?{self.query}" if self.query else url


StorageAccess = Mapping[ContainerNeed, ContainerAccess]
"""A job's access to each of its containers."""


def signatures_end(access: StorageAccess) -> datetime | None:
    """Return when the first signature for files ends; None if there is none, or if it does not end.

    That of the finalize blob doesn't count: without it, the poller ends the job. Neither does one for what
    tasks can do without.
    """
    ends = (one.ends_at for need, one in access.items() if not (need.only_blob or need.is_dispensable))
    return min((end for end in ends if end is not None), default=None)
