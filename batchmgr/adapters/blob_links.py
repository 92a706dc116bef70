"""Signed links to single blobs, for callers: to read a result, or to bring an input."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobClient

from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.adapters.signing_account import CLOCK_SKEW, SigningAccount, account_of
from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.model.task_file import BlobLink
from batchmgr.plan.file_specifications import ContainerNeed

SERVICE = "Blob storage"
READ = BlobSasPermissions(read=True)
WRITE = BlobSasPermissions(create=True, write=True)


class StorageLinks:
    """The BlobLinks port. `data` is the account of containers that jobs name, if it is another one."""

    def __init__(self, own: SigningAccount, data: SigningAccount | None = None) -> None:
        self._own = own
        self._data = data or own

    async def to_download(self, uri: str, lifetime: timedelta) -> BlobLink | None:
        """Return a link with which this one blob can be read. A browser saves it, and shows nothing of it."""
        for account in (self._own, self._data):
            root = account.service.url.rstrip("/") + "/"
            if uri.startswith(root):
                container, _, path = (
                    unquote(urlsplit(uri).path).removeprefix(urlsplit(root).path).partition("/")
                )
                blob = account.service.get_blob_client(container, path)
                try:
                    with service_errors(SERVICE):
                        size = (await blob.get_blob_properties()).size
                except ServiceNotFoundError:
                    return None
                return await _link(account, blob, READ, lifetime, size=size)
        raise InvalidJobError(
            f"batchmgr can't sign for the storage account of {uri}: read it with an identity"
        )

    async def to_upload(self, need: ContainerNeed, path: str, lifetime: timedelta) -> BlobLink:
        """Return a link with which this one blob can be written, also over what is there."""
        account = account_of(need, self._own, self._data)
        if account is None:
            raise InvalidJobError(
                f"batchmgr can't sign for the storage account {need.storage_account_name!r}"
            )
        with service_errors(SERVICE):
            await create_unless_exists(account.service.create_container(need.container_name))
        blob = account.service.get_blob_client(need.container_name, path)
        return await _link(account, blob, WRITE, lifetime)


async def _link(
    account: SigningAccount,
    blob: BlobClient,
    permission: BlobSasPermissions,
    lifetime: timedelta,
    *,
    size: int = 0,
) -> BlobLink:
    """Return a link to a blob. It begins a while ago, since clocks differ."""
    now = datetime.now(UTC)
    sas = generate_blob_sas(
        str(account.service.account_name),
        blob.container_name,
        blob.blob_name,
        **await account.key(),
        permission=permission,
        start=now - CLOCK_SKEW,
        expiry=now + lifetime,
        content_disposition="attachment" if permission.read else None,
        protocol="https" if urlsplit(blob.url).scheme == "https" else None,
    )
    return BlobLink(uri=f"{blob.url.partition('?')[0]}?{sas}", expires_at=now + lifetime, size=size)
