"""The whole stack, as `batchmgr start` and `batchmgr demo` run it."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from batchmgr.cli import main
from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses
from batchmgr.devstack.endpoints import Endpoints
from batchmgr.devstack.stack import Stack, StackOptions, running_stack
from batchmgr.devstack.tcp_ports import free_port
from batchmgr.errors import StackError
from tests.devstack.liveness import descendants, is_alive, until
from tests.devstack.shell import Shell

FREE_PORTS = ("--functions-port", "0", "--batch-port", "0", "--blob-port", "0", "--queue-port", "0")
JSON_LINE = re.compile(r"^\{.*\}$", re.MULTILINE)


async def start(processes: ChildProcesses, directory: Path, *options: str) -> ChildProcess:
    command = [sys.executable, "-m", "batchmgr.cli", "start", *FREE_PORTS, *options]
    environment = os.environ | {"TMPDIR": str(directory)}
    return await processes.start("start", command, environment=environment, directory=directory)


async def test_start_prints_one_json_line_and_sigterm_leaves_no_process_behind(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "--json")
    await child.wait_for_output(JSON_LINE, timeout_s=60)
    below = descendants(child.pid)
    assert len(below) >= 3
    os.kill(child.pid, signal.SIGTERM)
    assert await child.wait() == 0
    assert not [pid for pid in below if is_alive(pid)]
    lines = (tmp_path / "start.out").read_text().splitlines()
    assert len(lines) == 1
    assert set(json.loads(lines[0])) == {
        "functions",
        "batch",
        "blob",
        "queue",
        "connectionString",
        "batchAccount",
        "batchKey",
        "settings",
    }


@pytest.mark.without_keys
async def test_start_without_keys_prints_no_key_but_where_the_identities_are(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "--json", "--identity")
    printed = json.loads((await child.wait_for_output(JSON_LINE, timeout_s=60))[0])
    assert [printed[key] for key in ("connectionString", "batchAccount", "batchKey")] == ["", "", ""]
    assert set(printed["identity"]) == {
        "url",
        "identityEndpoint",
        "identityHeader",
        "trusted",
        "appClientId",
        "developerClientId",
        "nodeResourceId",
    }
    below = descendants(child.pid)
    os.kill(child.pid, signal.SIGTERM)
    assert await child.wait() == 0
    assert not [pid for pid in below if is_alive(pid)]


@pytest.mark.clients
async def test_killing_start_leaves_no_process_behind_either(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    child = await start(processes, tmp_path, "--json")
    await child.wait_for_output(JSON_LINE, timeout_s=60)
    below = descendants(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: not any(is_alive(pid) for pid in below))


@pytest.mark.clients
async def test_the_first_job_that_start_suggests_works(processes: ChildProcesses, tmp_path: Path) -> None:
    child = await start(processes, tmp_path)
    suggested = await child.wait_for_output(re.compile(r"^  (curl .*?')$", re.DOTALL | re.M), timeout_s=60)
    _, _, url, _, header, _, body = shlex.split(suggested[1].replace("\\\n", ""))
    name, _, value = header.partition(": ")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, headers={name: value}, data=body.encode()) as answer,
    ):
        assert answer.status == 202
        assert (await answer.json())["jobId"] == "first"


@pytest.mark.real_limits
async def test_a_host_that_dies_comes_back_and_the_job_it_worked_on_ends() -> None:
    async with running_stack(StackOptions()) as stack, aiohttp.ClientSession() as session:
        jobs = f"{stack.endpoints.functions}/api/jobs"
        body = json.dumps({"jobId": "long", "tasks": [{"id": "a", "commandLine": "sleep 2"}]})
        async with session.post(jobs, data=body) as answer:
            assert answer.status == 202

        async def state() -> str:
            try:
                async with session.get(f"{jobs}/long") as answer:
                    return str((await answer.json())["state"])
            except aiohttp.ClientError:
                return "host is away"

        async def crash() -> None:
            while await state() != "running":  # noqa: ASYNC110  # the state changes in another process
                await asyncio.sleep(0.05)
            died = stack.host
            os.kill(died.pid, signal.SIGKILL)
            while await state() != "succeeded":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            assert stack.host is not died

        # The timers of a killed host rest for up to a minute.
        await asyncio.wait_for(stack.run_supervised(crash()), 120)


@pytest.mark.clients
async def test_a_stack_with_data_continues_where_it_was_stopped(tmp_path: Path) -> None:
    # On the same ports, because tasks know their storage by its address.
    options = StackOptions(data=tmp_path / "data", blob_port=free_port(), batch_port=free_port())
    body = json.dumps({"jobId": "kept", "tasks": [{"id": "a", "commandLine": "sleep 1"}]})
    async with aiohttp.ClientSession() as session:
        async with running_stack(options) as stack:
            jobs = f"{stack.endpoints.functions}/api/jobs"
            async with session.post(jobs, data=body) as answer:
                assert answer.status == 202
            await asyncio.wait_for(_until_state(session, f"{jobs}/kept", "running"), 30)
        async with running_stack(options) as stack:
            url = f"{stack.endpoints.functions}/api/jobs/kept"
            await asyncio.wait_for(_until_state(session, url, "succeeded"), 120)


async def _until_state(session: aiohttp.ClientSession, url: str, state: str) -> None:
    while True:
        async with session.get(url) as answer:
            if answer.status == 200 and (await answer.json())["state"] == state:
                return
        await asyncio.sleep(0.05)


async def test_supervised_work_is_cancelled_as_soon_as_a_part_of_the_stack_dies(
    processes: ChildProcesses, shell: Shell
) -> None:
    storage = await shell.start("echo out of memory >&2; sleep 60", name="storage")
    await until(lambda: storage.log_tail() == "out of memory")
    stack = stack_of(processes, await shell.start("sleep 60", name="host"))

    async def work() -> None:
        os.kill(storage.pid, signal.SIGKILL)
        await asyncio.Event().wait()

    with pytest.raises(StackError, match=r"storage ended unexpectedly by SIGKILL.*\nout of memory"):
        await stack.run_supervised(work())


async def test_supervised_work_returns_its_result(processes: ChildProcesses, shell: Shell) -> None:
    async def work() -> str:
        return "done"

    stack = stack_of(processes, await shell.start("sleep 60", name="host"))
    assert await stack.run_supervised(work()) == "done"


def stack_of(processes: ChildProcesses, host: ChildProcess) -> Stack:
    nowhere = Endpoints(
        functions="", batch="", blob="", queue="", connection_string="", batch_account="", batch_key=""
    )
    return Stack(
        processes=processes,
        host_kind="embedded",
        environment={},
        patient=False,
        host=host,
        endpoints=nowhere,
    )


@pytest.mark.parametrize("argument", ["tool", "tool=1.0", "tool=1.0=missing.zip"])
def test_an_application_that_is_not_a_zip_file_is_refused_before_anything_starts(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "--application", argument]) == 2
    assert "--application" in capsys.readouterr().err
