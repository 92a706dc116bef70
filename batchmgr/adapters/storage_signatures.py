"""How nodes access storage: with a managed identity if one is given, else with signatures.

The finalize blob is always signed for, and for nothing beside it: so only a job's own tasks announce its end,
and nodes with an identity need no access to batchmgr's own containers.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest
from azure.storage.blob import (
    BlobSasPermissions,
    ContainerSasPermissions,
    generate_blob_sas,
    generate_container_sas,
)
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters.job_containers import make_job_container, taken
from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.adapters.signing_account import SigningAccount, SigningKey, account_of
from batchmgr.errors import InvalidJobError
from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.ids import JOB_CONTAINERS, job_container

SERVICE = "Blob storage"
DIRECTORY = "hdi_isfolder"
_MARK = re.compile(b"<" + DIRECTORY.encode() + b">")
_END = b"</Blob>"
READ = ContainerSasPermissions(read=True, list=True)
WRITE = ContainerSasPermissions(create=True, write=True)
WRITE_BLOB = BlobSasPermissions(create=True, write=True)


class NodeBlobStorage:
    """The NodeStorage port.

    `data` is the account of the containers that a job names without an account, if that is another one.
    `identity_reference` is the resource id of the pools' managed identity. A file with an identity reference
    of its own uses that one instead.
    """

    def __init__(
        self, own: SigningAccount, identity_reference: str = "", data: SigningAccount | None = None
    ) -> None:
        self._own = own
        self._data = data or own
        self._identity_reference = identity_reference

    async def grant_access(
        self, job_id: str, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> StorageAccess:
        """Return access for each need. Create the containers that are written to, and the job's own."""
        unsigned = {
            need: self.unsigned_access(need, nodes_have_identity=nodes_have_identity) for need in needs
        }
        await self._create_containers(job_id, needs)
        to_sign = [need for need, access in unsigned.items() if not access.identity_reference]
        longest = self.longest_signature()
        ends_at = datetime.now(UTC) + (lifetime if longest is None else min(lifetime, longest))
        accounts = {need: account for need in to_sign if (account := self._account(need)) is not None}
        keys = {account: await account.key() for account in set(accounts.values())}
        signed = {
            need: replace(
                unsigned[need],
                query=_sign(account.service, need, ends_at, keys[account]),
                ends_at=ends_at,
            )
            for need, account in accounts.items()
        }
        return {**unsigned, **signed}

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        return f"{self._url(need)}/{quote(path)}"

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        """Return what `grant_access` would return, without the signature. Nothing is created."""
        default = self._identity_reference if nodes_have_identity and not need.only_blob else ""
        identity = need.identity_reference or default
        if not identity and self._account(need) is None:
            raise InvalidJobError(
                f"files in the storage account {need.storage_account_name!r} need an identityReference: "
                "batchmgr can only sign for its own account"
            )
        return ContainerAccess(url=self._url(need), identity_reference=identity)

    def longest_signature(self) -> timedelta | None:
        """Return seven days, almost, if there is no account key to sign with."""
        limits = (account.longest_signature for account in (self._own, self._data))
        return min((limit for limit in limits if limit is not None), default=None)

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of the blobs under a prefix, 5,000 a call, without directories."""
        async with AsyncExitStack() as stack:
            account = self._account(need)
            service = account.service if account else None
            if service is None:
                service = await stack.enter_async_context(self._other_account(need))
            container = service.get_container_client(need.container_name)
            with service_errors(SERVICE):
                listed = _files if await _has_directories(service) else _names
                async for name in listed(container, prefix):
                    if not name.endswith("/"):
                        yield name

    def _other_account(self, need: ContainerNeed) -> BlobServiceClient:
        if self._own.longest_signature is None:
            raise InvalidJobError(
                f"batchmgr can't list the storage account {need.storage_account_name!r}: it uses a key, "
                "which works for its own account only; configure an identity instead"
            )
        url = f"https://{need.storage_account_name}.blob.core.windows.net"
        return BlobServiceClient(url, self._own.service.credential)

    async def _create_containers(self, job_id: str, needs: Collection[ContainerNeed]) -> None:
        created = {
            (account, need.container_name)
            for need in needs
            if need.is_written and not need.only_blob and (account := self._account(need)) is not None
        }
        # Only a job itself makes its container, so that it has its id.
        others = {one for one in created if not one[1].startswith(JOB_CONTAINERS)}
        is_own, *_ = await asyncio.gather(
            self._make_own(job_id, {need.container_name for need in needs}),
            *(_create(account.service, container) for account, container in others),
        )
        if not is_own:
            raise InvalidJobError(taken(job_id), field="jobId")

    async def _make_own(self, job_id: str, names: Collection[str]) -> bool:
        return job_container(job_id) not in names or await make_job_container(self._own.service, job_id)

    def _account(self, need: ContainerNeed) -> SigningAccount | None:
        return account_of(need, self._own, self._data)

    def _url(self, need: ContainerNeed) -> str:
        account = self._account(need)
        if account is not None:
            return f"{account.service.url.rstrip('/')}/{need.container_name}"
        return f"https://{need.storage_account_name}.blob.core.windows.net/{need.container_name}"


def _sign(service: BlobServiceClient, need: ContainerNeed, ends_at: datetime, key: SigningKey) -> str:
    """Return a signature for a container, or for one blob. Over https it is good for https only."""
    account, scheme = str(service.account_name), urlsplit(service.url).scheme
    protocol = "https" if scheme == "https" else None
    if need.only_blob:
        return generate_blob_sas(
            account,
            need.container_name,
            need.only_blob,
            **key,
            permission=WRITE_BLOB,
            expiry=ends_at,
            protocol=protocol,
        )
    return generate_container_sas(
        account,
        need.container_name,
        **key,
        permission=WRITE if need.is_written else READ,
        expiry=ends_at,
        protocol=protocol,
    )


async def _create(service: BlobServiceClient, container: str) -> None:
    with service_errors(SERVICE):
        await create_unless_exists(service.create_container(container))


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
