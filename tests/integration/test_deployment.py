"""The smoke tests can be pointed at a deployment, which asks for a key as the one in Azure does."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential

from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.stack import Stack
from tests.integration.deployment import Deployment, chosen_deployment, connected_to

KEY = "a function key"


@pytest.fixture
async def guarded(stack: Stack) -> AsyncIterator[str]:
    """The address of a door to the stack, which only requests with the key go through."""

    async def forward(request: web.Request) -> web.Response:
        if request.headers.get("x-functions-key") != KEY:
            return web.Response(status=401)
        url = f"{stack.endpoints.functions}{request.raw_path}"
        headers = {
            name: request.headers[name] for name in ("Host", "Content-Type") if name in request.headers
        }
        async with session.request(request.method, url, data=await request.read(), headers=headers) as answer:
            names = ("Content-Type", "Location", "Retry-After")
            kept = {name: answer.headers[name] for name in names if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


async def run_smoke_tests(chosen: str, **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/integration/test_http.py", "tests/integration/test_tasks.py", "-k", chosen),
        cwd=PROJECT,
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.clients
async def test_the_smoke_tests_run_against_an_address_with_a_key_and_others_are_skipped(guarded: str) -> None:
    code, output = await run_smoke_tests(
        "a_file_goes_from_task or links_to_follow or progress",
        BATCHMGR_URL=guarded,
        BATCHMGR_FUNCTION_KEY=KEY,
    )
    assert code == 0, output
    assert "2 passed, 1 skipped" in output


@pytest.mark.clients
async def test_without_the_key_they_fail(guarded: str) -> None:
    code, output = await run_smoke_tests("links_to_follow", BATCHMGR_URL=guarded, BATCHMGR_FUNCTION_KEY="")
    assert code == 1
    assert "401" in output


def test_a_deployment_is_described_by_variables() -> None:
    assert chosen_deployment({}) is None
    variables = {"BATCHMGR_URL": "https://app/", "BATCHMGR_FUNCTION_KEY": "k", "BATCHMGR_AUDIENCE": "api://1"}
    found = chosen_deployment(variables)
    assert found == Deployment(url="https://app", key="k", audience="api://1")
    assert "'k'" not in repr(found)


class SignedIn(AsyncTokenCredential):
    """Somebody who is signed in. The token is the scope that it was asked for."""

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken(scopes[0], 0)

    async def close(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


async def test_with_an_audience_a_token_of_who_is_signed_in_goes_along_with_the_key() -> None:
    deployment = Deployment(url="https://app", key="k", audience="api://1")
    async with connected_to(deployment, SignedIn) as api:
        assert api.http.headers["Authorization"] == "Bearer api://1/.default"
        assert api.http.headers["x-functions-key"] == "k"
