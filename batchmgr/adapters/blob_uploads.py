"""Job messages that callers upload: a signed URL for each, to a blob that does not exist yet."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.wire.queue_message import UPLOADED

SERVICE = "Blob storage"
CREATE = BlobSasPermissions(create=True, write=True)
CLOCK_SKEW = timedelta(minutes=5)


class BlobUploads:
    """The Uploads port. `account_key` is empty if the app uses an identity."""

    def __init__(self, service: BlobServiceClient, container: str, account_key: str) -> None:
        self._service = service
        self._container = service.get_container_client(container)
        self._account_key = account_key

    async def grant(self, name: str, lifetime: timedelta) -> str:
        """Return a URL to upload this blob to. Who has it can't read, and can't reach another blob."""
        now = datetime.now(UTC)
        delegation = None
        if not self._account_key:
            with service_errors(SERVICE):
                delegation = await self._service.get_user_delegation_key(now - CLOCK_SKEW, now + lifetime)
        sas = generate_blob_sas(
            str(self._service.account_name),
            self._container.container_name,
            name,
            account_key=self._account_key or None,
            user_delegation_key=delegation,
            permission=CREATE,
            expiry=now + lifetime,
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
        found: list[str] = []
        with service_errors(SERVICE):
            async for blob in self._container.list_blobs():
                if len(found) == limit:
                    break
                if blob.last_modified < before:
                    found.append(blob.name)
        return found

    async def delete(self, name: str) -> None:
        """Delete an uploaded blob, if there is one."""
        await delete_if_there(self._container.get_blob_client(name).delete_blob(), SERVICE)
