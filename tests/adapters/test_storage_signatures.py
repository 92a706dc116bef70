"""How nodes reach storage: what a grant lets them do, and what not."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob import UserDelegationKey
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.blob_job_files import BlobJobFiles
from batchmgr.adapters.signing_account import LONGEST_KEY, LONGEST_SIGNATURE, RENEWAL, SigningAccount
from batchmgr.adapters.storage_signatures import DIRECTORY, NodeBlobStorage
from batchmgr.errors import InvalidJobError, ServiceConflictError, ServiceNotFoundError
from batchmgr.model.container_access import signatures_end
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.finalize_task import finalize_blob
from tests.counted_calls import counted_calls

READ = ContainerNeed(container_name="data")
WRITE = ContainerNeed(container_name="data", is_written=True)
DATA = "https://stdata.blob.core.windows.net"
HOUR = timedelta(hours=1)
BLOCK = {"x-ms-blob-type": "BlockBlob"}


def storage(client: BlobServiceClient, identity: str = "") -> NodeBlobStorage:
    return NodeBlobStorage(SigningAccount(client), identity)


async def test_write_access_cannot_read_and_read_access_cannot_write(
    connection_string: str,
) -> None:
    async with (
        BlobServiceClient.from_connection_string(connection_string) as client,
        aiohttp.ClientSession() as http,
    ):
        access = await storage(client).grant_access("job-1", [READ, WRITE], HOUR, nodes_have_identity=True)
        read, write = (access[need].blob_url("a b/c#1.txt") for need in (READ, WRITE))
        async with http.put(write, data=b"text", headers=BLOCK) as response:
            assert response.status == 201
        async with http.get(read) as response:
            assert await response.read() == b"text"
        async with http.put(read, data=b"other", headers=BLOCK) as response:
            assert response.status == 403
        async with http.get(write) as response:
            assert response.status == 403
        async with http.get(access[READ].container_url + "&restype=container&comp=list") as response:
            assert "a b/c#1.txt" in await response.text()


async def test_the_finalize_blob_is_signed_for_alone_whatever_identity_nodes_have(
    connection_string: str,
) -> None:
    mine, theirs = finalize_blob("mine"), finalize_blob("theirs")
    async with (
        BlobServiceClient.from_connection_string(connection_string) as client,
        aiohttp.ClientSession() as http,
    ):
        await client.create_container("batchmgr-finalize")
        access = await storage(client, "/id/1").grant_access(
            "mine", [mine.need], HOUR, nodes_have_identity=True
        )

        async def status(method: str, path: str) -> int:
            url = access[mine.need].blob_url(path)  # as Azure Batch makes it from the URL and the path
            async with http.request(method, url, data=b"{}", headers=BLOCK) as response:
                return response.status

        assert access[mine.need].identity_reference == ""
        assert signatures_end(access) is None  # no file of the job needs it
        assert [await status("PUT", mine.blob_path) for _ in range(2)] == [201, 201]
        assert await status("PUT", theirs.blob_path) == 403
        assert await status("PUT", "planted.json") == 403
        assert await status("GET", mine.blob_path) == 403
        assert await status("DELETE", mine.blob_path) == 403
        async with http.get(access[mine.need].container_url + "&restype=container&comp=list") as response:
            assert response.status == 403


class AppIdentity(DefaultAzureCredential):
    """An identity that is never asked for a token here."""

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        raise AssertionError(scopes)


class OneKeyService(BlobServiceClient):
    """A client that counts how often it is asked for a key of the app's identity."""

    def __init__(self) -> None:
        super().__init__("https://acct.blob.core.windows.net", AppIdentity())
        self.asked: list[tuple[datetime, datetime]] = []

    async def get_user_delegation_key(
        self, key_start_time: datetime, key_expiry_time: datetime, **_: object
    ) -> UserDelegationKey:
        self.asked.append((key_start_time, key_expiry_time))
        key = UserDelegationKey()  # type: ignore[no-untyped-call]
        key.signed_oid = key.signed_tid = "0"
        key.signed_start, key.signed_expiry = f"{key_start_time:%FT%TZ}", f"{key_expiry_time:%FT%TZ}"
        key.signed_service, key.signed_version, key.value = "b", "2021-12-02", "a2V5"
        return key


async def test_all_jobs_share_a_key_of_the_identity_that_begins_before_now_and_outlasts_every_signature() -> (
    None
):
    async with OneKeyService() as service:
        nodes = storage(service)
        grants = [
            nodes.grant_access(f"job-{n}", [READ], timedelta(days=n), nodes_have_identity=True)
            for n in range(1, 20)
        ]
        signed = [access[READ] for access in await asyncio.gather(*grants)]
        [(starts_at, ends_at)] = service.asked
    now = datetime.now(UTC)
    assert timedelta(minutes=14) < now - starts_at < timedelta(minutes=16)
    assert ends_at - starts_at == timedelta(days=7)
    ends = [one.ends_at for one in signed if one.ends_at is not None]
    assert len(ends) == 19
    assert max(ends) < ends_at - RENEWAL + timedelta(seconds=10)
    assert {parse_qs(one.query)["sr"][0] for one in signed} == {"c"}
    assert {parse_qs(one.query)["spr"][0] for one in signed} == {"https"}


@pytest.mark.parametrize("shift", [RENEWAL, timedelta(hours=-1)])
async def test_the_shared_key_is_renewed_after_an_hour_or_if_the_clock_was_set_back(shift: timedelta) -> None:
    async with OneKeyService() as service:
        account = SigningAccount(service)
        await account.key()
        account._asked_at -= shift
        await account.key()
        await account.key()
    assert len(service.asked) == 2
    assert LONGEST_SIGNATURE + RENEWAL == LONGEST_KEY


async def test_a_jobs_container_that_somebody_else_made_is_not_used(connection_string: str) -> None:
    own = ContainerNeed(container_name="job-mine", is_written=True)
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        for _ in range(2):
            await storage(client).grant_access("Mine", [own], HOUR, nodes_have_identity=True)
        await client.delete_container("job-mine")
        await client.create_container("job-mine", metadata={"batchmgr_job": "another"})
        with pytest.raises(InvalidJobError, match="batchmgr did not make it for this job") as caught:
            await storage(client).grant_access("mine", [own], HOUR, nodes_have_identity=True)
        assert caught.value.field == "jobId"
        with pytest.raises(ServiceConflictError, match="did not make it for this job"):
            await BlobJobFiles(client).write("mine", "batchmgr-manifest.json", b"{}")
        assert [blob.name async for blob in client.get_container_client("job-mine").list_blobs()] == []
        await BlobJobFiles(client).delete("mine")
        assert await client.get_container_client("job-mine").exists()


async def test_only_a_job_itself_makes_its_container(connection_string: str) -> None:
    first = ContainerNeed(container_name="job-first", is_written=True)
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        await storage(client).grant_access("again", [first], HOUR, nodes_have_identity=True)
        assert [one.name async for one in client.list_containers()] == []
        await storage(client).grant_access("first", [first], HOUR, nodes_have_identity=True)
        assert [one.name async for one in client.list_containers()] == ["job-first"]


async def test_containers_without_an_account_are_in_the_data_account_and_the_jobs_own_is_not(
    connection_string: str,
) -> None:
    own = ContainerNeed(container_name="job-mine", is_written=True)
    named = ContainerNeed(container_name="data", storage_account_name="stdata", is_written=True)
    async with (
        BlobServiceClient.from_connection_string(connection_string) as client,
        BlobServiceClient(
            "https://stdata.blob.core.windows.net", AzureNamedKeyCredential("stdata", "a2V5")
        ) as data,
    ):
        nodes = NodeBlobStorage(SigningAccount(client), data=SigningAccount(data))
        access = await nodes.grant_access("mine", [READ], HOUR, nodes_have_identity=True)
        assert access[READ].container_url.startswith("https://stdata.blob.core.windows.net/data?")
        assert nodes.blob_uri(named, "a") == nodes.blob_uri(READ, "a")
        assert nodes.blob_uri(own, "a").startswith(client.url)
        assert nodes.blob_uri(finalize_blob("mine").need, "a").startswith(client.url)


async def test_containers_for_output_are_created_unless_they_exist(connection_string: str) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        for _ in range(2):
            await storage(client).grant_access(
                "job-1", [WRITE, ContainerNeed(container_name="only-read")], HOUR, nodes_have_identity=True
            )
        names = [container.name async for container in client.list_containers()]
        assert names == ["data"]


async def test_an_identity_is_used_instead_of_a_signature(connection_string: str) -> None:
    other = ContainerNeed(container_name="data", storage_account_name="elsewhere", identity_reference="/id/2")
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        access = await storage(client, "/id/1").grant_access(
            "job-1", [READ, other], HOUR, nodes_have_identity=True
        )
    assert access[READ].query == ""
    assert access[READ].identity_reference == "/id/1"
    assert access[other].url == "https://elsewhere.blob.core.windows.net/data"
    assert access[other].identity_reference == "/id/2"


async def test_nodes_without_an_identity_get_signatures(connection_string: str) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        access = await storage(client, "/id/1").grant_access("job-1", [READ], HOUR, nodes_have_identity=False)
    assert access[READ].identity_reference == ""
    assert "sig=" in access[READ].query


async def test_a_signature_says_when_it_ends_and_an_identity_does_not_end(connection_string: str) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        signed = await storage(client).grant_access("job-1", [READ], HOUR, nodes_have_identity=True)
        unsigned = await storage(client, "/id/1").grant_access(
            "job-1", [READ], HOUR, nodes_have_identity=True
        )
    ends_at = signed[READ].ends_at
    assert ends_at is not None
    assert timedelta(minutes=59) < ends_at - datetime.now(UTC) <= HOUR
    assert parse_qs(signed[READ].query)["se"] == [f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"]
    assert (signatures_end(signed), signatures_end(unsigned)) == (ends_at, None)


async def test_only_signatures_made_without_a_key_have_a_longest_time(
    connection_string: str,
) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        assert storage(client).longest_signature() is None
    async with BlobServiceClient("https://acct.blob.core.windows.net", AppIdentity()) as client:
        assert storage(client).longest_signature() == LONGEST_SIGNATURE


async def test_another_account_without_an_identity_is_rejected(connection_string: str) -> None:
    other = ContainerNeed(container_name="data", storage_account_name="elsewhere")
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        with pytest.raises(InvalidJobError, match="need an identityReference"):
            await storage(client).grant_access("job-1", [other], HOUR, nodes_have_identity=True)
        with pytest.raises(InvalidJobError, match="need an identityReference"):
            storage(client).unsigned_access(other, nodes_have_identity=True)


async def test_a_blob_uri_has_no_signature(connection_string: str) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        uri = storage(client).blob_uri(READ, "results/a b.tsv")
    assert uri.endswith("/data/results/a%20b.tsv")
    assert "sig" not in uri


def hierarchical(account_information: int) -> web.Application:
    """A storage account with a hierarchical namespace, in two pages; Azurite has none."""

    async def answer(request: web.Request) -> web.Response:
        if request.query.get("restype") == "account":
            headers = {"x-ms-is-hns-enabled": "true"}
            return web.Response(status=account_information, headers=headers)
        assert request.query["include"] == "metadata"
        names, marker = (["raw/b.csv"], "") if "marker" in request.query else (["raw", "raw/a.csv"], "next")
        blobs = "".join(
            f"<Blob><Name>{name}</Name><Properties><BlobType>BlockBlob</BlobType></Properties><Metadata>"
            f"<hdi_isfolder>{'true' if name == 'raw' else 'false'}</hdi_isfolder></Metadata></Blob>"
            for name in names
        )
        listing = f"<Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker>"
        text = f"<EnumerationResults>{listing}</EnumerationResults>"
        return web.Response(text=text, content_type="application/xml")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


@pytest.mark.parametrize("account_information", [200, 403])
async def test_directories_of_a_hierarchical_account_are_not_listed(account_information: int) -> None:
    async with TestServer(hierarchical(account_information)) as server:
        key = {"account_name": "test", "account_key": "a2V5"}
        async with BlobServiceClient(str(server.make_url("/test")), key, retry_total=0) as client:
            names = [name async for name in storage(client).list_blobs(READ, "")]
    assert names == ["raw/a.csv", "raw/b.csv"]


class HierarchicalService(BlobServiceClient):
    """A client that believes that Azurite has a hierarchical namespace."""

    async def get_account_information(self, **kwargs: object) -> dict[str, str]:
        return {"is_hns_enabled": "true"}


async def test_a_request_for_metadata_is_signed(connection_string: str) -> None:
    async with HierarchicalService.from_connection_string(connection_string) as client:
        container = await client.create_container("data")
        await container.upload_blob("raw ü", b"", metadata={DIRECTORY: "true"})
        await container.upload_blob("raw ü/a&b.csv", b"", metadata={"note": "<x>"})
        await container.upload_blob("raw ü/c.csv", b"", metadata={DIRECTORY: "false"})
        names = [name async for name in storage(client).list_blobs(READ, "raw ü")]
        with pytest.raises(ServiceNotFoundError):
            await anext(storage(client).list_blobs(ContainerNeed(container_name="nowhere"), ""))
    assert names == ["raw ü/a&b.csv", "raw ü/c.csv"]


def many_blobs(*, is_hierarchical: bool) -> web.Application:
    """A storage account with a full page of blobs, each with all the properties that Azure sends."""
    moment = "Wed, 01 Jan 2025 00:00:00 GMT"
    times = f"<Creation-Time>{moment}</Creation-Time><Last-Modified>{moment}</Last-Modified>"
    names = [
        "Content-Type",
        "Content-Encoding",
        "Content-Language",
        "Content-MD5",
        "Cache-Control",
        "Etag",
        "LeaseState",
    ]
    texts = "".join(f"<{name}>text</{name}>" for name in names)
    properties = f"<Properties>{times}<BlobType>BlockBlob</BlobType>{texts}</Properties>"
    metadata = f"<Metadata><{DIRECTORY}>false</{DIRECTORY}></Metadata>" if is_hierarchical else ""
    blobs = "".join(f"<Blob><Name>in/{n:05}</Name>{properties}{metadata}</Blob>" for n in range(5000))
    body = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>".encode()

    async def answer(request: web.Request) -> web.Response:
        if request.query.get("restype") == "account":
            return web.Response(headers={"x-ms-is-hns-enabled": str(is_hierarchical).lower()})
        return web.Response(body=body, content_type="application/xml")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def calls_a_name(*, is_hierarchical: bool) -> float:
    """Return how many functions the listing of 5,000 blobs calls, divided by the number of blobs."""
    async with TestServer(many_blobs(is_hierarchical=is_hierarchical)) as server:
        key = {"account_name": "test", "account_key": "a2V5"}
        async with BlobServiceClient(str(server.make_url("/test")), key) as client:
            with counted_calls() as calls:
                names = [name async for name in storage(client).list_blobs(READ, "in/")]
    return calls.number / len(names)


async def test_names_in_a_hierarchical_account_cost_no_multiple_of_what_they_cost_elsewhere() -> None:
    assert await calls_a_name(is_hierarchical=False) < 20  # 10 when this was written
    assert await calls_a_name(is_hierarchical=True) < 40  # 18; 1,650 if the client makes objects of blobs


async def test_with_a_key_the_blobs_of_other_accounts_cannot_be_listed(connection_string: str) -> None:
    other = ContainerNeed(container_name="data", storage_account_name="elsewhere")
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        with pytest.raises(InvalidJobError, match="'elsewhere': it uses a key"):
            await anext(storage(client).list_blobs(other, ""))


@pytest.mark.parametrize(("nodes_have_identity", "identity"), [(True, "/id/1"), (False, "")])
async def test_unsigned_access_has_the_identity_of_the_nodes(
    connection_string: str, nodes_have_identity: bool, identity: str
) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        access = storage(client, "/id/1").unsigned_access(READ, nodes_have_identity=nodes_have_identity)
    assert (access.identity_reference, access.query) == (identity, "")
