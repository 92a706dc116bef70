"""Nodes reach storage with a token of their pool's identity, from the instance metadata service."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from fakebatch.errors import StorageError
from fakebatch.execution.blob_storage import BlobStorage

IDENTITY = "/subscriptions/s/userAssignedIdentities/i"
LISTING = "<R><Blobs><Blob><Name>a.txt</Name></Blob></Blobs></R>"


@dataclass(kw_only=True)
class Azure:
    """The metadata service, which knows one identity, and storage, which takes its token."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    """With what the metadata service answers its first requests, in place of a token."""
    written: dict[str, bytes] = field(default_factory=dict)

    async def token(self, request: web.Request) -> web.Response:
        assert request.headers["Metadata"] == "true"
        assert request.query["resource"] == "https://storage.azure.com/"
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        if request.query["msi_res_id"] != IDENTITY:
            return web.json_response({"error": "invalid_request"}, status=400)
        return web.json_response({"access_token": "of the node"})

    async def blob(self, request: web.Request) -> web.Response:
        if (
            request.headers.get("Authorization") != "Bearer of the node"
            or "x-ms-version" not in request.headers
        ):
            return web.Response(status=401)
        if request.method == "PUT":
            self.written[request.path] = await request.read()
            return web.Response(status=201)
        return web.Response(text=LISTING if "comp" in request.query else "content")


@pytest.fixture
async def azure(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Azure]:
    service = Azure()
    application = web.Application()
    application.router.add_get("/metadata/identity/oauth2/token", service.token)
    application.router.add_route("*", "/{path:.*}", service.blob)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.url)
    yield service
    await runner.cleanup()


@pytest.fixture
async def storage() -> AsyncIterator[BlobStorage]:
    client = BlobStorage()
    yield client
    await client.close()


async def test_files_are_listed_read_and_written_with_the_token(
    azure: Azure, storage: BlobStorage, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    assert await storage.list_blobs(f"{azure.url}/c", "", IDENTITY) == ["a.txt"]
    await storage.download(f"{azure.url}/c/a.txt", file, IDENTITY)
    assert file.read_text() == "content"
    await storage.upload(f"{azure.url}/c/b.txt", file, {}, IDENTITY)
    assert azure.written == {"/c/b.txt": b"content"}


@pytest.mark.parametrize("identity", ["", "/another"])
async def test_without_a_token_access_is_denied(
    azure: Azure, storage: BlobStorage, tmp_path: Path, identity: str
) -> None:
    with pytest.raises(StorageError) as raised:
        await storage.download(f"{azure.url}/c/a.txt", tmp_path / "a.txt", identity)
    assert raised.value.is_denied


@pytest.mark.parametrize("status", [404, 410, 429, 503])
async def test_a_metadata_service_that_has_no_time_is_asked_again(
    azure: Azure, storage: BlobStorage, tmp_path: Path, status: int
) -> None:
    azure.statuses = [status]
    await storage.download(f"{azure.url}/c/a.txt", tmp_path / "a.txt", IDENTITY)
    assert (tmp_path / "a.txt").read_text() == "content"
