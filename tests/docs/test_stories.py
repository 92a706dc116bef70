"""Pages whose commands are run in order, as they are written.

The addresses of the default ports become those of the running stack. What curl is told to do has to succeed.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.azurite_here import require_azurite
from tests.docs.commands import ROOT, blocks
from tests.packaging.fresh_environment import copy_tracked_files, fresh_variables
from tests.started_stack import started_stack

STARTS = re.compile(r"make start$|\S*batchmgr\"? start\b")
"""A command that runs until it is stopped."""

GUIDE = "docs/get-started.md"
"""It begins with a fresh clone, and every command of it is run."""

ON_THE_STACK = {
    "README.md": r"curl",
    "docs/command-line.md": r"",
    "docs/http-api.md": r"",
    "docs/walkthrough.md": r"",
    "examples/genome_kmers/README.md": r"",
    "examples/heat_rod/README.md": r"",
    "examples/mandelbrot_tiles/README.md": r"",
    "examples/sweep/README.md": r"",
}
"""Pages for a clone in which `make start` runs in another terminal, and how a command begins that is run."""


TOOLS = {
    "docs/fake-batch.md": r"python -m fakebatch ",
    "docs/embedded-host.md": r"python -m functions_host$",
}
"""Pages that begin with the installation of a tool in a clone, and the command that starts it."""


def is_run(page: str, command: str) -> bool:
    """Return whether this command of a page is run here."""
    if page in TOOLS:
        return command in blocks(page)[0].commands
    return page == GUIDE or (page in ON_THE_STACK and re.match(ON_THE_STACK[page], command) is not None)


@dataclass
class Shell:
    """A shell whose directory and variables last from one script to the next."""

    directory: Path
    variables: Mapping[str, str]
    state: Path

    def run(self, script: str) -> str:
        """Run the script until a command fails. Return its output."""
        if not self.state.exists():
            self.state.write_text(f"cd {shlex.quote(str(self.directory))}\n")
        keep = f'{{ echo cd "$(printf %q "$PWD")"; export -p; }} > {shlex.quote(str(self.state))}'
        done = subprocess.run(
            ["bash", "-ec", f". {shlex.quote(str(self.state))}\n{script}\n{keep}"],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    @property
    def here(self) -> Path:
        """The present directory."""
        return Path(self.run("pwd").strip())


@pytest.fixture(scope="module")
def required_programs() -> None:
    """What the pages call is here. In CI it has to be."""
    missing = [name for name in ("bash", "curl", "jq", "make") if shutil.which(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"the pages need {', '.join(missing)}")
    assert missing == []


def with_strict_curl(directory: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which curl fails if the answer is an error."""
    (directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return {**variables, "CURL_HOME": str(directory)}


def at(addresses: Mapping[str, Any], command: str) -> str:
    """Return the command for the stack at these addresses."""
    return command.replace("http://127.0.0.1:7071", addresses["functions"])


def recipe(command: str) -> str:
    """Return what a target of make runs, for `make start`; any other command as it is."""
    if command != "make start":
        return command
    line = re.search(r"^start: .*\n\t@(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line is not None
    return line[1].replace("$(BIN)", ".venv/bin")


@pytest.fixture(scope="module")
def clone(required_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what a clone has after `make install`, and takes what commands write."""
    folder = tmp_path_factory.mktemp("stories") / "clone"
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in {".git", ".venv", "batchmgr-local", "dist"}:
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "job.json").write_bytes((ROOT / "examples" / "sweep" / "job.json").read_bytes())
    return folder


@pytest.fixture(scope="module")
def addresses(clone: Path) -> Iterator[dict[str, Any]]:
    """The addresses of a stack that `make start` has started in the clone."""
    require_azurite()
    with started_stack(recipe("make start"), clone, os.environ) as started:
        yield started


@pytest.mark.clients
@pytest.mark.parametrize("page", ON_THE_STACK)
def test_the_commands_of_a_page_work_in_a_clone_with_a_running_stack(
    page: str, clone: Path, addresses: dict[str, Any], tmp_path: Path
) -> None:
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "BATCHMGR_URL": addresses["functions"], "XDG_CONFIG_HOME": str(tmp_path)}
    shell = Shell(clone, with_strict_curl(tmp_path, os.environ | variables), tmp_path / "state")
    commands = [
        at(addresses, command)
        for block in blocks(page)
        if not block.needs_azure
        for command in block.commands
        if is_run(page, command)
    ]
    assert commands
    shell.run("\n".join(commands))


@pytest.mark.clients
def test_the_guide_leads_from_a_fresh_clone_to_a_job_of_an_own_workload(
    required_programs: None, tmp_path: Path
) -> None:
    require_azurite()
    clone = tmp_path / "batchmgr"
    copy_tracked_files(clone)
    (clone / "node_modules").symlink_to(ROOT / "node_modules")
    variables = with_strict_curl(tmp_path, fresh_variables(tmp_path)) | {"HOME": str(tmp_path)}
    # The page's `python3` is this Python, and make has nothing newer to choose.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (programs / name).symlink_to(getattr(sys, "_base_executable", sys.executable))
    variables["PATH"] = f"{programs}{os.pathsep}{variables['PATH']}"

    in_order = list(blocks(GUIDE))
    assert not any(block.needs_azure for block in in_order)
    shell = Shell(clone, variables, tmp_path / "state")
    starts = [number for number, block in enumerate(in_order) if STARTS.match(block.commands[0])]
    assert len(starts) == 2
    install, *before_start = in_order[: starts[0]]
    said = shell.run("\n".join(install.commands))
    _add_libraries(clone / ".venv", tmp_path / "libraries")
    for block in before_start:
        said += shell.run("\n".join(block.commands))
    assert "job.succeeded" in said
    for begin, end in zip(starts, [*starts[1:], len(in_order)], strict=True):
        (command,) = in_order[begin].commands
        where = shell.here
        with started_stack(recipe(command), where, _known(shell)) as addresses:
            settings = {
                "BATCHMGR_URL": addresses["functions"],
                "AZURE_STORAGE_CONNECTION_STRING": addresses["connectionString"],
            }
            shell.run("\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items()))
            for block in in_order[begin + 1 : end]:
                said += shell.run("\n".join(at(addresses, command) for command in block.commands))
    assert '"healthy"' in said
    assert '"state": "succeeded"' in said
    assert "words.tsv" in said


@pytest.mark.clients
@pytest.mark.parametrize("page", TOOLS)
def test_a_tool_is_installed_from_a_clone_and_starts(page: str, tmp_path: Path) -> None:
    clone = tmp_path / "batchmgr"
    copy_tracked_files(clone)
    shutil.copytree(ROOT / "examples" / "functions" / "notes_api", clone / "my-app")
    shell = Shell(clone, fresh_variables(tmp_path), tmp_path / "state")
    shell.run(f"{shlex.quote(sys.executable)} -m venv tool && . tool/bin/activate")
    *before, start = blocks(page)[0].commands
    assert re.match(TOOLS[page], start)
    shell.run("\n".join(before))
    with started_stack(start, shell.here, _known(shell), "--port 0 --json") as addresses:
        urls = [value for value in addresses.values() if str(value).startswith("http://127.0.0.1:")]
    assert len(urls) == 1


def _add_libraries(environment: Path, libraries: Path) -> None:
    """Let an environment find what pip has found on PYTHONPATH, and so has not installed.

    The nodes of the local stack do not get the variables of the developer.
    """
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "libraries.pth").write_text(f"{libraries}\n")


def _known(shell: Shell) -> dict[str, str]:
    """The variables that the shell exports now."""
    lines = shell.run("env -0").rstrip("\0\n").split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)
