"""Apps and nodes get tokens of their own identities only, and only if they ask as Azure's clients do."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from batchmgr.devstack.certificate import make_certificate
from fakeidentity.identities import Identity
from fakeidentity.server import Addresses, Options, serving
from fakeidentity.tokens import read

APP = Identity(
    client_id="00000000-0000-0000-0000-000000000001",
    object_id="00000000-0000-0000-0000-000000000002",
    resource_id="/app",
)
NODES = Identity(
    client_id="00000000-0000-0000-0000-000000000003",
    object_id="00000000-0000-0000-0000-000000000004",
    resource_id="/Nodes",
    is_of_nodes=True,
)
OF_NODES = "/metadata/identity/oauth2/token?api-version=2018-02-01"
METADATA = {"Metadata": "true"}
SCOPE = "https://storage.azure.com/.default"


@pytest.fixture
async def addresses(tmp_path: Path) -> AsyncIterator[Addresses]:
    made = make_certificate(tmp_path)
    options = Options(identities=[APP, NODES], services=[], certificate=made.certificate, key=made.key)
    async with serving(options) as running:
        yield running


@pytest.fixture
def app_service(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """The environment of an app."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", addresses.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", addresses.identity_header)
    return addresses


async def test_the_client_of_azure_gets_tokens_of_the_app(app_service: Addresses) -> None:
    async with ManagedIdentityCredential(client_id=APP.client_id) as credential:
        token = read((await credential.get_token(SCOPE)).token)
    assert token is not None
    assert (token.client_id, token.audience) == (APP.client_id, "https://storage.azure.com")


async def test_the_client_of_azure_gets_tokens_of_nodes(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", addresses.url)
    async with ManagedIdentityCredential(identity_config={"msi_res_id": "/nodes"}) as credential:
        token = read((await credential.get_token(SCOPE)).token)
    assert token is not None
    assert token.client_id == NODES.client_id


@pytest.mark.parametrize("client_id", [NODES.client_id, "00000000-0000-0000-0000-000000000009"])
async def test_an_app_gets_no_token_of_an_identity_that_is_not_its_own(
    app_service: Addresses, client_id: str
) -> None:
    async with ManagedIdentityCredential(client_id=client_id) as credential:
        with pytest.raises(ClientAuthenticationError, match="No User Assigned"):
            await credential.get_token(SCOPE)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/msi/token?api-version=2019-08-01", {}, 401),
        ("/msi/token?api-version=2019-08-01", {"X-IDENTITY-HEADER": "wrong"}, 401),
        ("/metadata/identity/oauth2/token?api-version=2018-02-01&msi_res_id=/nodes", {}, 400),
        (f"{OF_NODES}&msi_res_id=/app", METADATA, 400),
        (f"{OF_NODES}&msi_res_id=/nodes", METADATA, 200),
        (f"{OF_NODES}&msi_res_id=/nodes", {"Metadata": "false"}, 400),
        (f"{OF_NODES}&msi_res_id=/nodes", METADATA | {"X-Forwarded-For": "10.0.0.1"}, 400),
        ("/metadata/identity/oauth2/token?msi_res_id=/nodes", METADATA, 400),
        (f"{OF_NODES}&client_id={NODES.client_id}", METADATA, 200),
        (f"{OF_NODES}&object_id={NODES.object_id}", METADATA, 200),
        (f"{OF_NODES}&client_id={APP.client_id}", METADATA, 400),
        (OF_NODES, METADATA, 400),
    ],
)
async def test_requests_need_their_header_and_name_an_identity_of_theirs(
    addresses: Addresses, path: str, headers: dict[str, str], status: int
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{addresses.url}{path}&resource=https://storage.azure.com", headers=headers) as answer,
    ):
        assert answer.status == status


async def test_tokens_can_be_withheld_for_one_resource(app_service: Addresses) -> None:
    async with (
        aiohttp.ClientSession() as http,
        ManagedIdentityCredential(client_id=APP.client_id) as credential,
    ):
        body = {"withheld": ["https://storage.azure.com"]}
        async with http.put(f"{app_service.url}/control/tokens", json=body) as answer:
            assert answer.status == 200
        with pytest.raises(ClientAuthenticationError):
            await credential.get_token(SCOPE)
        await credential.get_token("https://batch.core.windows.net/.default")


async def test_the_clients_of_azure_ask_again_if_an_endpoint_has_no_time(
    app_service: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aiohttp.ClientSession() as http:
        control = f"{app_service.url}/control/tokens"
        async with http.put(control, json={"busy": [429, 500]}) as answer:
            assert answer.status == 200
        async with ManagedIdentityCredential(client_id=APP.client_id, retry_backoff_factor=0) as credential:
            await credential.get_token(SCOPE)
        async with http.get(control) as answer:
            facts = await answer.json()
    assert facts["busy"] == []
    assert facts["issued"] == [
        {"clientId": APP.client_id, "resource": "https://storage.azure.com", "count": 1}
    ]


def test_the_certificate_is_for_this_machine_and_trusted_beside_the_usual_ones(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    command = ["openssl", "x509", "-in", str(made.certificate), "-noout", "-ext", "subjectAltName"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "IP Address:127.0.0.1" in names
    assert made.trusted.read_text().endswith(made.certificate.read_text())
    assert made.key.stat().st_mode & 0o077 == 0
