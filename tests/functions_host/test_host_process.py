"""The host as a process: its worker, its signals, its files, and what it costs."""

import asyncio
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.functions_host.conftest import SAMPLE_APP, edit_host_json
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount
from tests.functions_host.test_job_host import COMMAND, process, ready, worker_of

HELLO = """
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello")
def hello(req: func.HttpRequest) -> str:
    return str(os.getpid())


@app.route(route="sleeps")
def sleeps(req: func.HttpRequest) -> str:
    import time
    time.sleep(60)
    return ""


@app.route(route="exits")
def exits(req: func.HttpRequest) -> str:
    raise SystemExit(7)
"""


@pytest.fixture
def hello_app(tmp_path: Path) -> Path:
    """A small app that needs no storage."""
    directory = tmp_path / "hello"
    directory.mkdir()
    (directory / "host.json").write_text('{"version": "2.0"}')
    (directory / "function_app.py").write_text(HELLO)
    return directory


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition. Raises TimeoutError if it does not become true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Return whether a process is alive. A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


async def get(http: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    """Return the status and the text of a response."""
    async with http.get(path) as answer:
        return answer.status, await answer.text()


async def until_answer(
    http: aiohttp.ClientSession, path: str, is_right: Callable[[tuple[int, str]], bool]
) -> None:
    """Repeat a request until the response is right. Raises TimeoutError if it does not become so."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            # A request that is lost in a restart is only answered after the function timeout.
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    if is_right(await get(http, path)):
                        return
            await asyncio.sleep(0.05)


async def test_a_worker_ends_with_a_host_that_is_killed(hello_app: Path) -> None:
    async with process(*COMMAND, "--script-root", str(hello_app)) as child:
        url = await ready(child)
        worker = worker_of(child)
        async with aiohttp.ClientSession(url) as http:
            sleeping = asyncio.create_task(get(http, "/api/sleeps"))
            await get(http, "/api/hello")
            child.kill()
            with pytest.raises(aiohttp.ClientError):
                await sleeping
        await until(lambda: not is_alive(worker))


async def test_a_function_that_ends_the_worker_fails_and_the_next_call_has_another_worker(
    hello_app: Path,
) -> None:
    async with (
        process(*COMMAND, "--script-root", str(hello_app)) as child,
        aiohttp.ClientSession(await ready(child)) as http,
    ):
        first = await get(http, "/api/hello")
        assert (await get(http, "/api/exits"))[0] == 500
        second = await get(http, "/api/hello")
    assert first[0] == second[0] == 200
    assert first[1] != second[1]


async def test_ctrl_c_twice_ends_the_host_at_once(hello_app: Path) -> None:
    async with (
        process(*COMMAND, "--script-root", str(hello_app)) as child,
        aiohttp.ClientSession(await ready(child)) as http,
    ):
        sleeping = asyncio.create_task(get(http, "/api/sleeps"))
        await get(http, "/api/hello")
        for _ in range(2):
            child.send_signal(signal.SIGINT)
            await asyncio.sleep(0.5)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 130
        with pytest.raises(aiohttp.ClientError):
            await sleeping


async def test_a_patient_host_gives_its_messages_back(app_directory: Path, storage: StorageAccount) -> None:
    async with process(*COMMAND, "--patient", "--script-root", str(app_directory)) as child:
        await ready(child)
        await storage.send("input", "wait")
        await storage.until_seen("message")
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 0
    assert len(await storage.peek("input")) == 1


async def test_an_app_goes_online_when_its_file_goes(hello_app: Path) -> None:
    page = hello_app / "app_offline.htm"
    page.write_text("<p>back soon</p>")
    async with (
        process(*COMMAND, "--script-root", str(hello_app)) as child,
        aiohttp.ClientSession(await ready(child)) as http,
    ):
        assert await get(http, "/api/hello") == (503, "<p>back soon</p>")
        page.unlink()
        await until_answer(http, "/api/hello", lambda answer: answer[0] == 200)


async def test_an_invalid_host_json_that_is_mended_is_loaded(hello_app: Path) -> None:
    (hello_app / "host.json").write_text('{"version": "1.0"}')
    async with (
        process(*COMMAND, "--script-root", str(hello_app)) as child,
        aiohttp.ClientSession(await ready(child)) as http,
    ):
        assert (await get(http, "/api/hello"))[0] == 503
        (hello_app / "host.json").write_text('{"version": "2.0"}')
        await until_answer(http, "/api/hello", lambda answer: answer[0] == 200)


async def test_keys_stay_when_host_json_is_rewritten(hello_app: Path) -> None:
    text = HELLO.replace("ANONYMOUS", "FUNCTION")
    (hello_app / "function_app.py").write_text(text)
    log = hello_app / "log"
    async with (
        process(*COMMAND, "--enable-auth", "--script-root", str(hello_app), log=log) as child,
        aiohttp.ClientSession(await ready(child)) as http,
    ):
        (key,) = re.findall(r"function (\S+),", log.read_text())
        status, first = await get(http, f"/api/hello?code={key}")
        assert status == 200
        edit_host_json(hello_app, functionTimeout="00:01:00")
        await until_answer(
            http, f"/api/hello?code={key}", lambda answer: answer[0] == 200 and answer[1] != first
        )


async def test_a_host_that_waits_for_its_storage_can_be_stopped(
    hello_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "BlobEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a"
    monkeypatch.setenv("AzureWebJobsStorage", f"AccountName=a;AccountKey=a2V5;{nowhere}")
    log = hello_app / "log"
    async with process(*COMMAND, "--script-root", str(hello_app), log=log) as child:
        await until(lambda: "Waiting for the storage" in log.read_text())
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await child.wait() == 0


async def test_the_log_levels_of_host_json_are_those_of_functions_too(hello_app: Path) -> None:
    text = HELLO.replace("import os", "import logging, os").replace(
        "    return str", "    logging.info('quiet')\n    logging.error('loud')\n    return str"
    )
    (hello_app / "function_app.py").write_text(text)
    edit_host_json(hello_app, logging={"logLevel": {"Function.hello": "Warning"}})
    log = hello_app / "log"
    async with process(*COMMAND, "--script-root", str(hello_app), log=log) as child:
        async with aiohttp.ClientSession(await ready(child)) as http:
            await get(http, "/api/hello")
        await until(lambda: "loud" in log.read_text())
    assert "quiet" not in log.read_text()


def proportional_kilobytes(pid: int) -> int:
    """Return the memory of a process. What it shares with others counts in proportion."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (kilobytes,) = re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(kilobytes)


async def test_a_host_needs_little_memory(hello_app: Path) -> None:
    # docs/embedded-host.md has numbers, and how they were measured; and how long a start takes.
    async with process(*COMMAND, "--script-root", str(hello_app)) as child:
        await ready(child)
        memory = proportional_kilobytes(child.pid) + proportional_kilobytes(worker_of(child))
    assert memory < 100_000


async def test_another_app_on_the_pythonpath_is_named(
    hello_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "function_app.py"
    other.parent.mkdir()
    other.touch()
    paths = os.pathsep.join((os.environ.get("PYTHONPATH", ""), str(hello_app), str(other.parent)))
    monkeypatch.setenv("PYTHONPATH", paths.strip(os.pathsep))
    log = hello_app / "log"
    async with process(*COMMAND, "--script-root", str(hello_app), log=log) as child:
        await ready(child)
    app = hello_app / "function_app.py"
    assert f"would import {other}, not {app}" in log.read_text()
    assert f"would import {app}" not in log.read_text()


@pytest.mark.host_recordings
async def test_python_functions_see_nothing_of_the_end(app_directory: Path, storage: StorageAccount) -> None:
    # An exception would make the message visible again.
    async with process(*COMMAND, "--script-root", str(SAMPLE_APP)) as child:
        await ready(child)
        await storage.send("input", "wait")
        await storage.until_seen("message")
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS + 10):
            assert await child.wait() == 0
    assert await storage.peek("input") == []
    assert await storage.count("input") == 1
