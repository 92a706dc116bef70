"""Tests the command line as real processes: what they print, and their exit codes."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.cli import COMMANDS, main
from batchmgr.cli.program import command


def batchmgr(*arguments: str, directory: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PATH": path} if path is not None else {})
    return subprocess.run(
        [sys.executable, "-m", "batchmgr.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
        env=environment,
    )


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^  {name}\s+\w", told, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: batchmgr {name}" in capsys.readouterr().out.lower()


def test_an_unknown_command_is_refused_with_the_usage(tmp_path: Path) -> None:
    ended = batchmgr("fly", directory=tmp_path)
    assert ended.returncode == 2
    assert "No such command 'fly'" in ended.stderr


def test_a_port_in_use_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = (
            "--functions-port",
            "0",
            "--batch-port",
            str(port),
            "--blob-port",
            "0",
            "--queue-port",
            "0",
        )
        ended = batchmgr("start", *options, directory=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"batchmgr start: Port {port} for the fake Azure Batch")
    assert "--batch-port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_node_the_error_says_what_to_install(tmp_path: Path) -> None:
    ended = batchmgr("demo", directory=tmp_path, path=str(tmp_path))
    assert ended.returncode == 1
    assert "Node.js" in ended.stderr
    assert "make install" in ended.stderr


def test_the_demo_names_a_missing_file_before_it_starts_anything(tmp_path: Path) -> None:
    ended = batchmgr("demo", "genome.fa", directory=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "batchmgr demo: genome.fa: No such file or directory.\n"


def test_the_demo_names_an_output_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    (tmp_path / "genome.fa").write_text(">g\nACGT\n")
    ended = batchmgr("demo", "genome.fa", "--output", "taken", directory=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "batchmgr demo: taken: File exists.\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ([], None),
        (["--identity"], "signatures"),
        (["--identity", "--json"], "signatures"),
        (["--identity", "nodes"], "nodes"),
        (["--json", "--identity", "signatures"], "signatures"),
    ],
)
def test_the_identity_of_a_stack_may_stand_without_a_value(typed: list[str], meant: str | None) -> None:
    assert command("start").make_context("start", typed).params["identity"] == meant


def test_a_program_of_its_own_reads_its_arguments_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fakebatch", "--pool", "hpc"]) == 2
    assert "is not of the form ID=NODESxSLOTS" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_a_help_is_longer_than_80_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
