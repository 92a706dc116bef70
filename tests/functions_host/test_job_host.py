"""How a host starts and stops, and what happens to its running invocations."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from functions_host.errors import HostError
from functions_host.job_host import JobHost
from functions_host.job_host_options import JobHostOptions
from tests.functions_host.conftest import SAMPLE_APP, Hosts, edit_host_json
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount

COMMAND = ("-m", "functions_host", "--port", "0", "--json")


@asynccontextmanager
async def process(*arguments: str, log: Path | None = None) -> AsyncIterator[Process]:
    """Run Python with these arguments, in the environment of the test."""
    with (log or Path(os.devnull)).open("ab") as stderr:
        child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, stderr=stderr)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        # A worker that has just lost its host keeps the pipe open for a moment longer.
        child._transport.close()  # type: ignore[attr-defined]
        await asyncio.sleep(0)


async def ready(child: Process) -> str:
    """Return the host's URL, once it has printed that all listeners run."""
    assert child.stdout is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return str(json.loads(await child.stdout.readline())["functions"])


def worker_of(child: Process) -> int:
    """Return the process id of the host's worker."""
    return int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_it_gets_a_signal(
    storage: StorageAccount, number: signal.Signals
) -> None:
    async with process(*COMMAND, "--script-root", str(SAMPLE_APP)) as child:
        url = await ready(child)
        async with aiohttp.ClientSession(url) as http, http.get("/api/files/x") as answer:
            assert await answer.text() == "x"
        child.send_signal(number)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 0


async def test_the_command_prints_the_keys_when_it_checks_them(storage: StorageAccount) -> None:
    async with process(*COMMAND, "--script-root", str(SAMPLE_APP), "--enable-auth") as child:
        assert child.stdout is not None
        line = json.loads(await child.stdout.readline())
        path = f"/api/echo?code={line['functionKey']}"
        async with aiohttp.ClientSession(line["functions"]) as http, http.get(path) as answer:
            assert answer.status == 200


async def test_an_app_that_cannot_be_indexed_has_no_functions_and_the_log_says_why(
    tmp_path: Path, running_host: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("raise RuntimeError('at import')")
    async with running_host(script_root=tmp_path) as host, aiohttp.ClientSession(host.url) as http:
        async with http.get("/api/files/x") as answer:
            assert answer.status == 404
        async with http.get("/admin/host/status") as answer:
            assert (await answer.json())["state"] == "Running"
        async with http.get("/admin/functions") as answer:
            assert await answer.json() == []
    assert "at import" in caplog.text


async def test_an_invalid_host_json_is_a_503_for_all_functions(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    (app_directory / "host.json").write_text('{"version": "1.0"}')
    await storage.send("input", "hello")
    async with running_host(script_root=app_directory) as host, aiohttp.ClientSession(host.url) as http:
        assert not host.is_running
        async with http.get("/api/files/x") as answer:
            assert answer.status == 503
        async with http.get("/admin/host/status") as answer:
            status = await answer.json()
        assert status["state"] == "Error"
        assert "version" in status["errors"][0]
        async with http.get("/admin/functions") as answer:
            assert answer.status == 500
        async with http.post("/admin/functions/on_message", json={"input": ""}) as answer:
            assert answer.status == 503
        async with http.get("/admin/host/ping") as answer:
            assert answer.status == 200
    assert await storage.count("input") == 1


async def test_the_command_goes_on_serving_admin_when_no_function_runs(
    app_directory: Path, storage: StorageAccount
) -> None:
    (app_directory / "host.json").write_text('{"version": "1.0"}')
    async with process(*COMMAND, "--script-root", str(app_directory)) as child:
        url = await ready(child)
        async with aiohttp.ClientSession(url) as http, http.get("/admin/host/status") as answer:
            assert (await answer.json())["state"] == "Error"
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 0


async def test_a_worker_that_ends_before_it_has_loaded_the_app_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import os; os._exit(3)")
    log = tmp_path / "log"
    async with process(*COMMAND, "--script-root", str(tmp_path), log=log) as child:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 1
    assert "the worker process ended, with code 3" in log.read_text()


async def test_a_function_that_exceeds_the_timeout_restarts_the_worker(
    app_directory: Path, storage: StorageAccount
) -> None:
    edit_host_json(app_directory, functionTimeout="00:00:01")
    async with process(*COMMAND, "--patient", "--script-root", str(app_directory)) as child:
        async with aiohttp.ClientSession(await ready(child)) as http:
            first = worker_of(child)
            async with http.get("/api/hangs") as answer:
                assert answer.status == 500
            assert worker_of(child) != first
            async with http.get("/api/files/x") as answer:
                assert await answer.text() == "x"
        assert child.returncode is None


async def test_a_message_of_a_killed_host_comes_back_to_the_next(
    running_host: Hosts, storage: StorageAccount
) -> None:
    mortal = str(Path(__file__).parent / "killable_host.py")
    async with process(mortal, "2") as child:
        await storage.send("input", "wait")
        await storage.until_seen("message")
        child.kill()
        await child.wait()
    async with running_host():
        seen = await storage.until_seen("message", 2)
        sys.modules["function_app"].release.set()
    assert [fact["dequeueCount"] for fact in seen] == [1, 2]
    assert await storage.count("input") == 0


async def test_a_host_that_ends_lets_running_functions_finish(
    running_host: Hosts, storage: StorageAccount
) -> None:
    async with running_host() as host:
        await storage.send("input", "wait")
        await storage.until_seen("message")
        stopping = asyncio.create_task(host.stop())
        sys.modules["function_app"].release.set()
        assert await stopping is True
    assert await storage.count("input") == 0
    assert await storage.peek("input-poison") == []


async def test_what_does_not_finish_in_time_goes_back_to_its_queue(
    storage: StorageAccount,
) -> None:
    host = JobHost(JobHostOptions(script_root=SAMPLE_APP, port=0))
    await host.start()
    await storage.send("input", "wait")
    await storage.until_seen("message")
    assert await host.stop(drain_seconds=0.1) is False
    assert len(await storage.peek("input")) == 1


async def test_a_port_in_use_is_an_error(host: JobHost, storage: StorageAccount) -> None:
    other = JobHost(JobHostOptions(script_root=SAMPLE_APP, port=host.port))
    with pytest.raises(HostError, match="cannot start"):
        await other.start()
