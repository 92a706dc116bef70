"""Importing the app is all that happens before the first call: it has to be cheap, and to touch nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.app import ROOT

IMPORT = """
import json, os, sys, threading
touched = []
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        touched.append(event)
    elif event == "open" and str(arguments[0]).endswith(".json"):
        touched.append(str(arguments[0]))
sys.path.insert(0, os.getcwd())
sys.addaudithook(note)
import function_app
print(json.dumps({
    "functions": len(function_app.app.get_functions()),
    "touched": touched,
    "threads": threading.active_count(),
    "modules": sorted(sys.modules),
}))
"""

Imported = dict[str, object]


@pytest.fixture(scope="module")
def imported() -> Imported:
    """What an interpreter with an empty environment tells after it has imported the app."""
    command = [sys.executable, "-W", "error", "-c", IMPORT]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts: Imported = json.loads(done.stdout)
    return facts


def test_the_app_is_indexed_without_any_setting(imported: Imported) -> None:
    assert imported["functions"]


def test_importing_opens_no_connection_reads_no_settings_file_and_starts_nothing(imported: Imported) -> None:
    assert imported["touched"] == []
    assert imported["threads"] == 1


def test_importing_does_not_load_what_only_some_deployments_need(imported: Imported) -> None:
    modules = imported["modules"]
    assert isinstance(modules, list)
    heavy = ("azure.identity", "azure.monitor", "opentelemetry", "multiprocessing")
    assert [name for name in modules if name.startswith(heavy)] == []


def test_importing_needs_nothing_that_is_not_deployed(imported: Imported) -> None:
    modules = imported["modules"]
    assert isinstance(modules, list)
    ignored = [
        line for line in (ROOT / ".funcignore").read_text().splitlines() if line.startswith("batchmgr/")
    ]
    assert ignored
    for path in map(Path, ignored):
        package = ".".join(path.parts)
        assert [name for name in modules if name == package or name.startswith(f"{package}.")] == []
