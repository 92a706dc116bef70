"""The command: its output, its directories, its end."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batchmgr.cli import fakebatch
from tests.fakebatch.driving import (
    add_job,
    add_task,
    all_dead,
    file_exists,
    shell,
    task_in_state,
    text_of,
    until,
)

_MODULE = [sys.executable, "-m", "fakebatch", "--port", "0"]


@contextmanager
def _started(*arguments: str, temporary: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [*_MODULE, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_serves_until_it_is_asked_to_end_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    with _started("--json", "--pool", "hpc=1x2", temporary=tmp_path) as process:
        greeting = json.loads(_first_line(process))
        assert sorted(greeting) == ["account", "endpoint", "key"]
        credential = AzureNamedKeyCredential(greeting["account"], greeting["key"])
        async with BatchClient(greeting["endpoint"], credential) as batch:
            await add_job(batch)
            await add_task(batch, "t", shell("sleep 600 & echo $$ $! > pids.new; mv pids.new pids; wait"))
            await task_in_state(batch, "t", "running")
            await until(lambda: file_exists(batch, "t", "wd/pids"))
            pids = [int(pid) for pid in (await text_of(batch, "t", "wd/pids")).split()]
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    await all_dead(pids)
    assert os.listdir(tmp_path) == []


def test_the_endpoint_account_and_key_are_printed(tmp_path: Path) -> None:
    with _started(temporary=tmp_path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
    assert lines[0].startswith("The fake Azure Batch is listening at http://127.0.0.1:")
    assert [line.split(":")[0] for line in lines[1:]] == ["account", "key"]


async def test_files_below_a_given_root_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "kept"
    with _started("--json", "--pool", "hpc=1x1", "--root", str(root), temporary=tmp_path) as process:
        greeting = json.loads(_first_line(process))
        credential = AzureNamedKeyCredential(greeting["account"], greeting["key"])
        async with BatchClient(greeting["endpoint"], credential) as batch:
            await add_job(batch)
            await add_task(batch, "t", "echo kept")
            await task_in_state(batch, "t")
        process.terminate()
        assert process.wait(timeout=10) == 0
    assert _texts(root, "stdout.txt") == ["kept\n"]


def _texts(root: Path, name: str) -> list[str]:
    return [path.read_text() for path in root.rglob(name)]


@pytest.mark.parametrize("pool", ["hpc", "hpc=2", "h/c=1x1", "hpc=1x0"])
def test_a_pool_that_is_not_understood_is_refused(pool: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    fakebatch.add_arguments(parser)
    with pytest.raises(argparse.ArgumentError, match="ID=NODESxSLOTS"):
        parser.parse_args(["--pool", pool])


def test_the_process_knows_nothing_of_the_client_libraries_nor_of_the_rest_of_the_project() -> None:
    script = "import sys, fakebatch.serve_command; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    own = ("fakebatch",)
    project = {name for name in loaded if name.startswith("batchmgr") and not name.startswith(own)}
    assert project <= {"batchmgr"}
    assert not [name for name in loaded if name.split(".")[0] in ("azure", "msgspec")]


def test_a_port_that_is_taken_ends_the_process_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    fakebatch.add_arguments(parser)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert fakebatch.run(parser.parse_args(["--port", port, "--root", str(tmp_path)])) == 1
    assert "in use" in capsys.readouterr().err
