"""A token that can't be had is one kind of error, also if there were tokens before."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.app_identity import AppIdentity
from batchmgr.adapters.service_errors import service_errors
from batchmgr.devstack.certificate import make_certificate
from batchmgr.devstack.local_identities import APP
from batchmgr.errors import ServiceAccessError
from fakeidentity.identities import identity_of
from fakeidentity.server import Options, serving

STORAGE = "https://storage.azure.com"


class Endpoint:
    """The identity endpoint of the app, which can be told to give no tokens."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._control = f"{url}/control/tokens"
        self._http = http

    async def tell(self, **facts: object) -> None:
        async with self._http.put(self._control, json=facts) as answer:
            assert answer.status == 200


@pytest.fixture
async def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Endpoint]:
    made = make_certificate(tmp_path)
    options = Options(
        identities=[identity_of(APP.to_object())],
        services=[],
        certificate=made.certificate,
        key=made.key,
    )
    async with serving(options) as running, aiohttp.ClientSession() as http:
        monkeypatch.setenv("IDENTITY_ENDPOINT", running.identity_endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", running.identity_header)
        yield Endpoint(running.url, http)


@pytest.fixture
async def identity() -> AsyncIterator[AppIdentity]:
    async with AppIdentity(DefaultAzureCredential(managed_identity_client_id=APP.client_id)) as credential:
        yield credential


async def test_it_gives_the_tokens_of_the_credential(endpoint: Endpoint, identity: AppIdentity) -> None:
    assert (await identity.get_token(f"{STORAGE}/.default")).token
    assert (await identity.get_token_info(f"{STORAGE}/.default")).token


@pytest.mark.parametrize("had_one", [False, True])
async def test_a_token_that_cannot_be_had_is_no_answer_of_the_service(
    endpoint: Endpoint, identity: AppIdentity, had_one: bool
) -> None:
    await endpoint.tell(lifetime=0)
    if had_one:
        await identity.get_token_info(f"{STORAGE}/.default")
    await endpoint.tell(withheld=[STORAGE])
    async with BlobServiceClient("https://127.0.0.1:1/acct", identity, retry_total=0) as blobs:
        with (
            pytest.raises(ServiceAccessError, match="no token for the app's identity") as raised,
            service_errors("Blob storage"),
        ):
            await blobs.create_container("any")
    assert raised.value.code == "NoToken"
    with pytest.raises(ClientAuthenticationError) as said:
        await identity.get_token(f"{STORAGE}/.default")
    assert said.value.response is None
