"""Commands start quickly: they import what they need, and nothing else."""

import os
import subprocess
import sys

import pytest

from tests.client.stand_in_app import StandInApp
from tests.old_python import oldest_python

HEAVY = {
    "azure",
    "aiohttp",
    "asyncio",
    "rich",
    "click",
    "pygments",
    "cryptography",
    "batchmgr.model",
    "batchmgr.wire",
}


def imported(*arguments: str) -> set[str]:
    """Return the modules, and the packages of modules, that a command has imported at its end."""
    script = (
        "import sys; from batchmgr.cli import main; main(sys.argv[1:]); "
        "print(*filter(sys.modules.get, sys.modules), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    names = run.stderr.splitlines()[-1].split()
    return {part for name in names for part in (name, name.partition(".")[0])}


def test_a_command_that_calls_an_app_imports_neither_azure_nor_asyncio_nor_what_draws(
    app: StandInApp,
) -> None:
    app.add("a")
    for command in (["status", "a"], ["list"], ["tasks", "a"], ["events", "a"]):
        assert imported(*command) & HEAVY == set(), command


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_without_a_command_not_even_the_client_is_imported(option: str) -> None:
    assert imported(option) & (HEAVY | {"httpx", "msgspec", "pydantic"}) == set()


def test_names_are_completed_without_an_import_of_commands() -> None:
    variables = os.environ | {
        "_BATCHMGR_COMPLETE": "complete_bash",
        "COMP_WORDS": "batchmgr st",
        "COMP_CWORD": "1",
    }
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "batchmgr.cli"],
        env=variables,
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["status", "start"]
    assert "batchmgr.cli.start" not in run.stderr


def test_an_old_python_is_told_what_it_needs() -> None:
    oldest = oldest_python()
    if oldest is None:
        pytest.skip("there is no Python 3.8 here")
    run = subprocess.run(
        [str(oldest), "-m", "batchmgr.cli", "status", "a"], capture_output=True, text=True, env={}
    )
    assert run.returncode == 1
    assert run.stderr.startswith("batchmgr: commands need Python 3.11 or newer, not 3.8")


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [("httpx", "status", "client"), ("typer", "status", "client"), ("aiohttp", "start", "local")],
)
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    missing: str, command: str, extra: str
) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None; "
        "from batchmgr.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run([sys.executable, "-c", script, command, "--help"], capture_output=True, text=True)
    assert run.returncode == 1
    assert f"{missing} is not installed; install it with: pip install 'batchmgr[{extra}]'" in run.stderr
