"""The command `submit`: every failure is one message on stderr, and exit code 2."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from batchmgr.devstack.tcp_ports import free_port

ROOT = Path(__file__).parents[2]
WORKLOAD = ROOT / "tests" / "integration" / "article_workload"


@dataclass(frozen=True, kw_only=True)
class Run:
    code: int
    out: str
    err: str


async def submit(*arguments: str, **environment: str) -> Run:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "example_workload", "submit", *arguments),
        env=os.environ | {"PYTHONPATH": f"{WORKLOAD}{os.pathsep}{ROOT}"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Run(code=process.returncode, out=out.decode(), err=err.decode())


@asynccontextmanager
async def answering(status: int, body: str, requests: list[Any]) -> AsyncIterator[str]:
    """Run a server that gives the same answer to every POST. Yield its address."""

    async def answer(request: web.Request) -> web.Response:
        requests.append((request.path, request.headers.get("x-functions-key"), await request.json()))
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_it_sends_a_job_message_and_prints_the_url_of_the_status() -> None:
    requests: list[Any] = []
    body = {"jobId": "example-1", "state": "queued", "statusUri": "https://app/api/jobs/example-1"}
    async with answering(202, json.dumps(body), requests) as url:
        arguments = ("--inputs", '{"text": "a.txt"}', "--job-id", "example-1", "--callback", "https://adf/1")
        run = await submit("--url", f"{url}/", *arguments, BATCHMGR_FUNCTION_KEY="secret")
    assert run == Run(code=0, out="job example-1 is queued\nhttps://app/api/jobs/example-1\n", err="")
    message = {"workload": "example_workload", "inputs": {"text": "a.txt"}, "jobId": "example-1"}
    assert requests == [("/api/jobs", "secret", message | {"callBackUri": "https://adf/1"})]


PROBLEM = '{"title": "Not accepted", "status": 400, "field": "inputs.days", "detail": "must be 1 to 14"}'
ANSWERS = {
    "a problem": (400, PROBLEM, "batchmgr refused the job (400): inputs.days: must be 1 to 14"),
    "no key": (401, "", "batchmgr refused the job (401): Unauthorized; is BATCHMGR_FUNCTION_KEY set?"),
    "a bad gateway": (502, "<html>", "batchmgr refused the job (502): Bad Gateway"),
    "a page": (200, "<html>", "the server at URL/api/jobs is not batchmgr: check the address"),
    "other JSON": (200, "[1]", "the server at URL/api/jobs is not batchmgr: check the address"),
    "another API": (200, '{"status": "ok"}', "the server at URL/api/jobs is not batchmgr: check the address"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_that_accepts_no_job_is_reported_in_one_line(case: str) -> None:
    status, body, message = ANSWERS[case]
    async with answering(status, body, []) as url:
        run = await submit("--url", url)
    assert run == Run(code=2, out="", err=f"example_workload submit: {message.replace('URL', url, 1)}\n")


async def test_an_address_without_a_server_is_reported_in_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    run = await submit(BATCHMGR_URL=url)
    message = f"example_workload submit: batchmgr did not answer at {url}/api/jobs: Connection refused\n"
    assert run == Run(code=2, out="", err=message)


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com", "my-app.azurewebsites.net", "http:my-app", "http://a b"]
)
async def test_an_invalid_address_is_reported_with_a_valid_example(url: str) -> None:
    run = await submit("--url", url, BATCHMGR_URL="")
    assert (run.code, run.out, run.err.count("\n")) == (2, "", 1)
    assert "give batchmgr's address: --url https://my-app.azurewebsites.net" in run.err
