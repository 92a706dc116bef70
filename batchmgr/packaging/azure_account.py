"""A Batch account's applications, through Azure Resource Manager and the account's linked storage account."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.mgmt.batch.aio import BatchManagementClient
from azure.mgmt.batch.models import ApplicationPackage
from azure.storage.blob.aio import BlobClient

from batchmgr.adapters.service_errors import service_error, service_errors
from batchmgr.errors import PackageError
from batchmgr.packaging.package_identity import PackageIdentity
from batchmgr.packaging.publish_package import NoDigest, PackageRecord

DIGEST = "batchmgr_sha256"
"""The metadata key of a blob's SHA-256. With it, the blob need not be downloaded to compare it."""


@asynccontextmanager
async def open_account(
    credential: AsyncTokenCredential, *, subscription: str, resource_group: str, account: str, **options: Any
) -> AsyncIterator["AzureBatchAccount"]:
    """Open the Batch account of this name. `options` are passed to the management client."""
    async with BatchManagementClient(credential, subscription, **options) as client:
        yield AzureBatchAccount(client, credential, resource_group=resource_group, account=account)


class AzureBatchAccount:
    """The BatchAccount protocol on Azure."""

    def __init__(
        self,
        client: BatchManagementClient,
        credential: AsyncTokenCredential,
        *,
        resource_group: str,
        account: str,
    ) -> None:
        self._client = client
        self._credential = credential
        self._account = (resource_group, account)

    async def has_application(self, application_id: str) -> bool:
        """Return whether the application exists."""
        with _arm_errors():
            try:
                await self._client.application.get(*self._account, application_id)
            except ResourceNotFoundError:
                return False
        return True

    async def create_application(self, application_id: str) -> None:
        """Create the application. Does nothing if it exists."""
        with _arm_errors():
            await self._client.application.create(*self._account, application_id)

    async def find_package(self, identity: PackageIdentity) -> PackageRecord | None:
        """Return the record of a version, or None if there is none."""
        with _arm_errors():
            try:
                package = await self._client.application_package.get(*self._package(identity))
            except ResourceNotFoundError:
                return None
        return _record(package)

    async def create_package(self, identity: PackageIdentity) -> PackageRecord:
        """Create the record of a version. The version must not exist."""
        with _arm_errors():
            return _record(await self._client.application_package.create(*self._package(identity)))

    async def upload(self, storage_url: str, archive: Path, sha256: str) -> bool:
        """Upload the content. Return False, and change nothing, if content is stored already."""
        async with self._blob(storage_url) as blob:
            with service_errors("Storage"), archive.open("rb") as content:
                try:
                    await blob.upload_blob(content, metadata={DIGEST: sha256})
                except ResourceExistsError:
                    return await self._replace_empty(blob, archive, sha256)
        return True

    async def _replace_empty(self, blob: BlobClient, archive: Path, sha256: str) -> bool:
        # An empty blob is a placeholder, not the content of a package.
        found = await _properties(blob)
        if found is None or found.size:
            return False
        with archive.open("rb") as content:
            try:
                await blob.upload_blob(
                    content,
                    metadata={DIGEST: sha256},
                    overwrite=True,
                    etag=found.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError:
                return False
        return True

    async def stored_digest(self, storage_url: str) -> str | NoDigest:
        """Return the SHA-256 of the stored content, in hexadecimal, or why there is none."""
        async with self._blob(storage_url) as blob:
            with service_errors("Storage"):
                try:
                    found = await _properties(blob)
                except ResourceNotFoundError:
                    return NoDigest.NO_CONTENT
                if found is None:
                    return NoDigest.UNREADABLE
                return found.metadata.get(DIGEST) or await _downloaded_digest(blob)

    async def activate(self, identity: PackageIdentity) -> None:
        """Activate the version. After that, nodes can install it."""
        with _arm_errors():
            await self._client.application_package.activate(*self._package(identity), {"format": "zip"})

    async def default_version(self, application_id: str) -> str:
        """Return the application's default version, or ""."""
        with _arm_errors():
            application = await self._client.application.get(*self._account, application_id)
        return (application.properties.default_version if application.properties else None) or ""

    async def set_default_version(self, identity: PackageIdentity) -> None:
        """Make the version the application's default version."""
        change = {"properties": {"defaultVersion": identity.version}}
        with _arm_errors():
            await self._client.application.update(*self._account, identity.application_id, change)

    def _package(self, identity: PackageIdentity) -> tuple[str, str, str, str]:
        return (*self._account, identity.application_id, identity.version)

    def _blob(self, url: str) -> BlobClient:
        # If the account reaches its storage with an identity, the URL has no signature.
        is_signed = "sig" in parse_qs(urlsplit(url).query)
        return BlobClient.from_blob_url(url, credential=None if is_signed else self._credential)


async def _properties(blob: BlobClient) -> Any:
    """Return the blob's properties, or None if reading them is not allowed."""
    try:
        return await blob.get_blob_properties()
    except HttpResponseError as error:
        if error.status_code == 403:
            return None
        raise


async def _downloaded_digest(blob: BlobClient) -> str:
    digest = hashlib.sha256()
    stream = await blob.download_blob()
    async for chunk in stream.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _record(package: ApplicationPackage) -> PackageRecord:
    properties = package.properties
    if properties is None or not properties.storage_url:
        raise PackageError(
            "Azure Batch returned no URL to upload the package to. "
            "Is a storage account linked to the Batch account?"
        )
    is_active = str(getattr(properties.state, "value", properties.state)).lower() == "active"
    return PackageRecord(is_active=is_active, storage_url=properties.storage_url)


def _sign_in_advice(message: str) -> str:
    # The message lists every sign-in method. Only the ones with an AADSTS code say what is wrong.
    refusals = [line.strip() for line in message.splitlines() if "AADSTS" in line]
    return f"cannot sign in to Azure: {' '.join(refusals) or 'no credential was found; run: az login'}"


@contextmanager
def _arm_errors() -> Iterator[None]:
    """Turn the management client's errors into batchmgr's."""
    with service_errors("Azure Resource Manager"):
        try:
            yield
        except ClientAuthenticationError as error:
            if error.response is None:
                raise PackageError(_sign_in_advice(str(error.message))) from error
            raise
        except HttpResponseError as error:
            code = str(getattr(error.error, "code", "") or "")
            message = str(getattr(error.error, "message", "") or error.message)
            raise service_error(
                "Azure Resource Manager", status=error.status_code or 0, code=code, message=message
            ) from error
