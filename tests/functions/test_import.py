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


def test_importing_loads_no_client_of_azure_and_nothing_that_only_some_deployments_need(
    imported: Imported,
) -> None:
    modules = imported["modules"]
    assert isinstance(modules, list)
    heavy = (
        *("aiohttp", "requests", "cryptography", "opentelemetry", "multiprocessing", "importlib.metadata"),
        *("azure.batch", "azure.core", "azure.identity", "azure.monitor", "azure.storage"),
    )
    assert [name for name in modules if name.startswith(heavy)] == []


def test_the_first_call_does_not_load_the_models_of_azure_batch() -> None:
    show = "import sys, batchmgr.bootstrap; print([name for name in sys.modules if 'azure.batch' in name])"
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MOST_TIMES = 2.6
"""How much the import of the app may cost, by what the import of azure.functions alone costs. It was 1.6 when
this was written, and 4.7 with the clients of Azure; in processor time as well."""


def test_importing_costs_little_more_than_the_library_of_every_functions_app() -> None:
    costs = {name: _calls_of_import(name) for name in ("azure.functions", "function_app")}
    assert costs["function_app"] < MOST_TIMES * costs["azure.functions"], costs


def _calls_of_import(name: str) -> int:
    """Return how many functions an import calls in a new interpreter."""
    source = (
        "from tests.counted_calls import counted_calls\n"
        f"with counted_calls() as calls: import {name}\n"
        "print(calls.number)"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, env={}, capture_output=True, text=True)
    return int(done.stdout)


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
