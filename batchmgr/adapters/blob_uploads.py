"""Job messages that callers upload: a signed URL for each, to a blob that does not exist yet."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from batchmgr.adapters.old_blobs import old_blobs
from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.adapters.signing_account import SigningAccount
from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.wire.queue_message import UPLOADED

SERVICE = "Blob storage"
CREATE = BlobSasPermissions(create=True, write=True)


class BlobUploads:
    """The Uploads port."""

    def __init__(self, account: SigningAccount, container: str) -> None:
        self._account = account
        self._container = account.service.get_container_client(container)

    async def grant(self, name: str, lifetime: timedelta) -> str:
        """Return a URL to upload this blob to. Who has it can't read, and can't reach another blob."""
        sas = generate_blob_sas(
            str(self._account.service.account_name),
            self._container.container_name,
            name,
            **await self._account.key(),
            permission=CREATE,
            expiry=datetime.now(UTC) + lifetime,
        )
        return f"{self._container.get_blob_client(name).url}?{sas}"

    async def read(self, name: str, most: int) -> bytes | None:
        """Return the content of an uploaded blob, or None. Its size is known before it is read."""
        blob = self._container.get_blob_client(name)
        try:
            with service_errors(SERVICE):
                size = (await blob.get_blob_properties()).size
                if size > most:
                    raise InvalidJobError(
                        f"the upload has {size} bytes, more than {most}: split the job", field=UPLOADED
                    )
                return await (await blob.download_blob()).readall()
        except ServiceNotFoundError:
            return None

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the names of the first blobs that were uploaded before a time."""
        return await old_blobs(self._container, before, limit)

    async def delete(self, name: str) -> None:
        """Delete an uploaded blob, if there is one."""
        await delete_if_there(self._container.get_blob_client(name).delete_blob(), SERVICE)
