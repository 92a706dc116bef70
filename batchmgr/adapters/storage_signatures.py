"""How nodes access storage: with a managed identity if one is given, else with a SAS for each container.

A SAS that is signed without the account key (user delegation) lasts 7 days at most.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from xml.etree import ElementTree

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest
from azure.storage.blob import ContainerSasPermissions, UserDelegationKey, generate_container_sas
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.errors import InvalidJobError
from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.plan.file_specifications import OWN_CONTAINERS, ContainerNeed

SERVICE = "Blob storage"
CLOCK_SKEW = timedelta(minutes=15)
"""How far the clocks of the app, of storage and of the nodes may differ."""

LONGEST_DELEGATION = timedelta(days=7) - CLOCK_SKEW
"""Azure allows seven days, by its own clock.

Source: https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
"""

DIRECTORY = "hdi_isfolder"
_MARK = re.compile(b"<" + DIRECTORY.encode() + b">")
_END = b"</Blob>"
READ = ContainerSasPermissions(read=True, list=True)
WRITE = ContainerSasPermissions(create=True, write=True)


class NodeBlobStorage:
    """The NodeStorage port. `account_key` is empty if the app itself uses an identity.

    `identity_reference` is the resource id of the pools' managed identity. A file with an identity reference
    of its own uses that one instead.
    """

    def __init__(self, service: BlobServiceClient, account_key: str, identity_reference: str) -> None:
        self._service = service
        self._account_key = account_key
        self._identity_reference = identity_reference

    async def grant_access(
        self, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> StorageAccess:
        """Return access for each need. Create the containers of this account that are written to."""
        default = self._identity_reference if nodes_have_identity else ""
        identities = {need: need.identity_reference or default for need in needs}
        own = {need.container_name for need in needs if need.is_written and self._is_own(need)}
        await asyncio.gather(*map(self._create, own - OWN_CONTAINERS))  # these the app has created
        ends_at = datetime.now(UTC) + (lifetime if self._account_key else min(lifetime, LONGEST_DELEGATION))
        delegation = None
        if not self._account_key and not all(identities.values()):
            delegation = await self._delegation_key(ends_at)
        return {need: self._sign(need, identities[need], ends_at, delegation) for need in needs}

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        return f"{self._url(need)}/{quote(path)}"

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        """Return what `grant_access` would return, without the signature. Nothing is created."""
        default = self._identity_reference if nodes_have_identity else ""
        return self._unsigned(need, need.identity_reference or default)

    def longest_signature(self) -> timedelta | None:
        """Return seven days, almost, if there is no account key to sign with."""
        return None if self._account_key else LONGEST_DELEGATION

    def _unsigned(self, need: ContainerNeed, identity: str) -> ContainerAccess:
        if not identity and not self._is_own(need):
            raise InvalidJobError(
                f"files in the storage account {need.storage_account_name!r} need an identityReference: "
                "batchmgr can only sign for its own account"
            )
        return ContainerAccess(url=self._url(need), identity_reference=identity)

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of the blobs under a prefix, 5,000 a call, without directories."""
        async with AsyncExitStack() as stack:
            service = self._service
            if not self._is_own(need):
                service = await stack.enter_async_context(self._other_account(need))
            container = service.get_container_client(need.container_name)
            with service_errors(SERVICE):
                listed = _files if await _has_directories(service) else _names
                async for name in listed(container, prefix):
                    if not name.endswith("/"):
                        yield name

    def _other_account(self, need: ContainerNeed) -> BlobServiceClient:
        if self._account_key:
            raise InvalidJobError(
                f"batchmgr can't list the storage account {need.storage_account_name!r}: it uses a key, "
                "which works for its own account only; configure an identity instead"
            )
        url = f"https://{need.storage_account_name}.blob.core.windows.net"
        return BlobServiceClient(url, self._service.credential)

    def _sign(
        self, need: ContainerNeed, identity: str, ends_at: datetime, delegation: UserDelegationKey | None
    ) -> ContainerAccess:
        access = self._unsigned(need, identity)
        if access.identity_reference:
            return access
        sas = generate_container_sas(
            str(self._service.account_name),
            need.container_name,
            account_key=self._account_key or None,
            user_delegation_key=delegation,
            permission=WRITE if need.is_written else READ,
            expiry=ends_at,
        )
        return replace(access, query=sas, ends_at=ends_at)

    async def _create(self, container: str) -> None:
        with service_errors(SERVICE):
            await create_unless_exists(self._service.create_container(container))

    async def _delegation_key(self, ends_at: datetime) -> UserDelegationKey:
        with service_errors(SERVICE):
            return await self._service.get_user_delegation_key(
                key_start_time=datetime.now(UTC) - CLOCK_SKEW, key_expiry_time=ends_at
            )

    def _is_own(self, need: ContainerNeed) -> bool:
        return need.storage_account_name in {"", self._service.account_name}

    def _url(self, need: ContainerNeed) -> str:
        if self._is_own(need):
            return f"{self._service.url.rstrip('/')}/{need.container_name}"
        return f"https://{need.storage_account_name}.blob.core.windows.net/{need.container_name}"


async def _has_directories(service: BlobServiceClient) -> bool:
    """Return whether the account may have a hierarchical namespace, whose directories look like blobs."""
    try:
        return bool((await service.get_account_information()).get("is_hns_enabled"))
    except HttpResponseError as error:
        if error.status_code != 403:
            raise
        return True  # no permission to find out: the slow way is always correct


async def _names(container: ContainerClient, prefix: str) -> AsyncIterator[str]:
    async for name in container.list_blob_names(name_starts_with=prefix or None):
        yield name


async def _files(container: ContainerClient, prefix: str) -> AsyncIterator[str]:
    """Yield the names without directories. Only metadata tells what is a directory.

    The client would make an object of each blob, which takes ten times as long as its name. So it lists the
    names, and the metadata is read from the same response.
    """
    directories: set[str] = set()

    def ask(request: PipelineRequest[HttpRequest]) -> None:
        request.http_request.url += "&include=metadata"

    def note(response: PipelineResponse[HttpRequest, AsyncHttpResponse]) -> None:
        directories.clear()
        with suppress(ElementTree.ParseError):  # an error, or no answer of the service: the client finds out
            directories.update(_directories(response.http_response.body()))

    names = container.list_blob_names(
        name_starts_with=prefix or None, raw_request_hook=ask, raw_response_hook=note
    )
    async for name in names:
        if name not in directories:
            yield name


def _directories(page: bytes) -> Iterator[str]:
    """Yield the names of the directories on a page of blobs.

    Only blobs that have the mark of a directory are parsed: the client has parsed the page already, and to do
    so again would take as long as everything else.
    """
    for mark in _MARK.finditer(page):
        start, end = page.rfind(b"<Blob>", 0, mark.start()), page.find(_END, mark.end())
        if start >= 0 and end >= 0:
            blob = ElementTree.fromstring(page[start : end + len(_END)])  # noqa: S314  # as the client does
            if blob.findtext(f"Metadata/{DIRECTORY}") == "true":
                yield blob.findtext("Name", "")
