"""A host that starts with a fault in its app does what Microsoft's does, or differs as listed."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.functions_host.exchanges.faults import FAULTS
from tests.functions_host.exchanges.host_process import HostProcess
from tests.functions_host.exchanges.known import assert_as_listed, known_differences
from tests.functions_host.exchanges.recording import sequences
from tests.functions_host.exchanges.stage import NOTHING_SECONDS, Stage, make_stage
from tests.functions_host.exchanges.wire import NoAnswerError, get

HOSTS_AT_ONCE = 4

Starts = Mapping[str, "Future[tuple[list[str], object]]"]
"""By fault: what differs from the recording, and what was seen."""


@pytest.fixture(scope="module")
def starts(
    request: pytest.FixtureRequest,
    azurite_accounts: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Starts:
    """The starts whose tests are to run. Several are made at the same time, since most of it is waiting."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["name"]) for item in items if "starts" in item.fixturenames]
    stages = {name: (tmp_path_factory.mktemp("start"), azurite_accounts()) for name in names}
    with ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
        return {name: pool.submit(_start, name, *where) for name, where in stages.items()}


ALWAYS = {
    *("start", "import-error", "duplicate-route", "unknown-binding"),
    *("missing-setting", "no-functions", "host-json-malformed"),
}
"""One start of each kind of fault. `make host-recordings` makes the others."""


def _parameters() -> list[object]:
    others = [pytest.mark.host_recordings]
    return [pytest.param(name, marks=[] if name in ALWAYS else others) for name in FAULTS]


@pytest.mark.parametrize("name", _parameters())
def test_a_start(starts: Starts, name: str) -> None:
    found, seen = starts[name].result()
    assert_as_listed("sequences", name, found, seen)


def _start(name: str, directory: Path, connection_string: str) -> tuple[list[str], object]:
    recorded = sequences()[name].observed
    with make_stage(directory, connection_string) as stage:
        stage.create_containers()
        FAULTS[name](stage)
        stage.send("hello")
        with stage.host() as host:
            host.until_settled()
            if not host.is_running:
                return ["process_runs"], {"log": host.log.read_text()[-2000:]}
            seen = _observe(stage, host, recorded)
    return [part for part, value in _expected(recorded).items() if seen[part] != value], seen


def _expected(recorded: Mapping[str, Any]) -> dict[str, object]:
    """Return what is compared of a recorded start; of errors only how many there are, not their words."""
    expected: dict[str, object] = {
        "state": recorded["status"]["state"],
        "errors": len(recorded["status"]["errors"]),
        "queue_function_runs": recorded["queue_function_runs"],
        "admin_functions": recorded["admin_functions"],
        **{f"http {path}": status for path, status in recorded["http"].items()},
    }
    if isinstance(recorded["admin_functions"], str):
        expected["admin_functions"] = 500
    if "answered_by" in recorded:
        expected["answered_by"] = recorded["answered_by"]
    if "function_status" in recorded:
        expected["function_status"] = len(recorded["function_status"]["json"]["errors"])
    return expected


def _observe(stage: Stage, host: HostProcess, recorded: Mapping[str, Any]) -> dict[str, object]:
    status = host.status()
    seen: dict[str, object] = {
        "state": status.get("state"),
        "errors": len(status.get("errors", ())),
        "admin_functions": _admin_functions(host),
        **{f"http {path}": host.status_code(path) for path in recorded["http"]},
    }
    if "answered_by" in recorded:
        seen["answered_by"] = json.loads(get(host.port, "/api/items/7").body)["function"]
    if "function_status" in recorded:
        seen["function_status"] = _errors_of_function(host, recorded["function_status"]["path"])
    seconds = 20 if recorded["queue_function_runs"] else NOTHING_SECONDS
    seen["queue_function_runs"] = stage.until_run("end", "hello", seconds=seconds) is not None
    return seen


def _admin_functions(host: HostProcess) -> int:
    """Return how many functions the host lists, or the status where it does not."""
    answer = get(host.port, "/admin/functions")
    return len(json.loads(answer.body)) if answer.status == 200 else answer.status


def _errors_of_function(host: HostProcess, path: str) -> int | None:
    try:
        return len(json.loads(get(host.port, path).body)["errors"])
    except (NoAnswerError, ValueError, KeyError):
        return None


def test_only_recorded_sequences_are_listed() -> None:
    assert set(FAULTS) >= ALWAYS
    assert known_differences("sequences").keys() <= sequences().keys()
