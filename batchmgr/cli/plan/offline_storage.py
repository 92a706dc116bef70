"""A storage account without content, for plans that need no storage."""

from collections.abc import AsyncGenerator
from datetime import timedelta

from batchmgr.model.container_access import ContainerAccess
from batchmgr.plan.file_specifications import ContainerNeed


class OfflineStorage:
    """The NodeStorageView port for a storage account whose name is not known."""

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """Return the URI of a blob."""
        return f"{self.unsigned_access(need, nodes_have_identity=True).url}/{path}"

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        """Return the URL of the container. A placeholder stands for an unknown account."""
        account = need.storage_account_name or "(storage account)"
        return ContainerAccess(
            url=f"https://{account}.blob.core.windows.net/{need.container_name}",
            identity_reference=need.identity_reference,
        )

    def longest_signature(self) -> timedelta | None:
        """Return None: whether the app has a key is not known."""
        return None

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """Yield no blobs. Only `taskPerFile` factories list blobs, and they are not planned offline."""
        nothing: tuple[str, ...] = ()
        for name in nothing:
            yield name
