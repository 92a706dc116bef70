"""Storage that nobody looks into: for plans that can be made without it."""

from collections.abc import AsyncGenerator

from batchmgr.batch_bodies.files import ContainerGrant
from batchmgr.plan.file_specifications import ContainerNeed


class Offline:
    """Storage whose account is not known here."""

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """The URI of a blob."""
        return f"{self.unsigned_grant(need, nodes_have_identity=True).url}/{path}"

    def unsigned_grant(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerGrant:
        """The container, in its account or in one to be known later."""
        account = need.storage_account_name or "(storage account)"
        return ContainerGrant(
            url=f"https://{account}.blob.core.windows.net/{need.container_name}",
            identity_reference=need.identity_reference,
        )

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """No blob: only factories of tasks per file list any, and they are not planned offline."""
        nothing: tuple[str, ...] = ()
        for name in nothing:
            yield name
