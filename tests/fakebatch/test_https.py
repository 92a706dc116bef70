"""Serving over https, and bearer tokens."""

import json
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.batch.aio import BatchClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

from fakebatch.errors import CertificateError
from fakebatch.server import Options, serving
from fakebatch.tls import make_certificate
from tests.fakebatch.raw_http import request


class _Tokens:
    """A credential whose tokens are not genuine."""

    def __init__(self, token: str = "token") -> None:
        self._token = token

    async def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        assert scopes == ("https://batch.core.windows.net//.default",)
        return AccessToken(self._token, int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> "_Tokens":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_a_client_with_a_token_is_served_over_https(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls", "127.0.0.1")
    trusted = {"connection_verify": str(certificate)}
    options = Options(root=tmp_path, pools=({"id": "p", "vmSize": "small"},), certificate=certificate)
    async with serving(options) as endpoint, BatchClient(endpoint, _Tokens(), **trusted) as batch:
        pool = await batch.get_pool("p")
        assert pool.url == f"{endpoint}/pools/p"
        assert endpoint.startswith("https://")


async def test_a_request_without_a_token_or_signature_is_refused_over_https(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls", "127.0.0.1")
    trusted = ssl.create_default_context(cafile=certificate)
    async with (
        serving(Options(root=tmp_path, certificate=certificate)) as endpoint,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session,
    ):
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"}):
            address = f"{endpoint}/jobs?api-version=2025-06-01"
            async with session.get(address, headers=header) as response:
                assert response.status == 403


async def test_a_token_is_refused_over_http(endpoint: str) -> None:
    headers = {"Authorization": "Bearer token"}
    reply = await request(endpoint, "GET", "/jobs", headers=headers, sign=False)
    assert (reply.status, reply.code) == (403, "AuthenticationFailed")


@contextmanager
def _process(root: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "fakebatch", "--port", "0", "--json", "--https"]
    with subprocess.Popen([*command, "--root", str(root)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert process.returncode == 0


async def test_the_process_makes_its_certificate_and_tells_where_it_is(tmp_path: Path) -> None:
    with _process(tmp_path) as greeting:
        trusted = {"connection_verify": greeting["certificate"]}
        async with BatchClient(greeting["endpoint"], _Tokens(), **trusted) as batch:
            with pytest.raises(HttpResponseError, match="JobNotFound"):
                await batch.get_job("none")


def test_without_openssl_no_certificate_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CertificateError, match="openssl"):
        make_certificate(tmp_path, "127.0.0.1")
