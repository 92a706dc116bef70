"""A host that starts with a fault in its app does what Microsoft's does, or differs as listed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.functions_host.exchanges.faults import FAULTS
from tests.functions_host.exchanges.host_process import HostProcess
from tests.functions_host.exchanges.known import assert_as_listed, known_differences
from tests.functions_host.exchanges.recording import sequences
from tests.functions_host.exchanges.stage import NOTHING_SECONDS, Stage
from tests.functions_host.exchanges.wire import NoAnswerError, get


@pytest.mark.parametrize("name", FAULTS)
def test_a_start(stage: Stage, name: str) -> None:
    recorded = sequences()[name].observed
    FAULTS[name](stage)
    stage.send("hello")
    with stage.host() as host:
        host.until_settled()
        if host.is_running:
            seen = _observe(stage, host, recorded)
            found = [part for part, value in _expected(recorded).items() if seen[part] != value]
        else:
            seen, found = {"log": host.log.read_text()[-2000:]}, ["process_runs"]
        assert_as_listed("sequences", name, found, seen)


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
    assert known_differences("sequences").keys() <= sequences().keys()
