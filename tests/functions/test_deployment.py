"""The files that are deployed with the app, or that a developer starts from."""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from packaging.requirements import Requirement

from batchmgr.functions.time_limit import TIME_LIMIT_SECONDS
from batchmgr.settings import Settings
from tests.functions.app import FUNCTION_APP, ROOT, bindings, load_app


def read_json(name: str) -> dict[str, Any]:
    document = json.loads((ROOT / name).read_text())
    assert isinstance(document, dict)
    return document


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Requirements by name, those alone that are meant for the Python that runs the tests."""
    found = [Requirement(line) for line in lines]
    found = [requirement for requirement in found if not requirement.marker or requirement.marker.evaluate()]
    assert len({requirement.name for requirement in found}) == len(found)
    return {requirement.name: requirement for requirement in found}


@pytest.fixture
def dependencies() -> dict[str, Requirement]:
    """What pyproject.toml says that the control plane needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return requirements([*project["dependencies"], *project["optional-dependencies"]["app"]])


@pytest.fixture
def pins() -> dict[str, Requirement]:
    """What requirements.txt installs in Azure."""
    return requirements((ROOT / "requirements.txt").read_text().splitlines())


def seconds(span: str) -> int:
    hours, minutes, rest = map(int, span.split(":"))
    return hours * 3600 + minutes * 60 + rest


PROMISES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "version": (lambda value: value == "2.0", "the host reads the file"),
    "telemetryMode": (lambda value: value == "OpenTelemetry", "traces of host and app belong together"),
    "functionTimeout": (
        lambda value: TIME_LIMIT_SECONDS < seconds(value) <= 120,
        "an invocation that hangs keeps its lease for two minutes at most, and ends by itself before that",
    ),
    "logging.logLevel.default": (lambda value: value == "Information", "what batchmgr logs is seen"),
    "logging.logLevel.Azure.Core": (
        lambda value: value == "Error",
        "the host's own polls of missing queues and blobs don't fill the log",
    ),
    "extensionBundle.id": (
        lambda value: value == "Microsoft.Azure.Functions.ExtensionBundle",
        "the triggers are there",
    ),
    "extensionBundle.version": (
        lambda value: re.fullmatch(r"\[4\.\S+, 5\.0\.0\)", value) is not None,
        "the triggers behave as in the recordings",
    ),
    "extensions.http.routePrefix": (lambda value: value == "api", "the links in answers are right"),
    "extensions.queues.batchSize": (
        lambda value: 1 <= value <= 4,
        "a host that is killed takes few messages with it, which come back after ten minutes",
    ),
    "extensions.queues.newBatchThreshold": (
        lambda value: 0 <= value <= 4,
        "the same on instances with many cores, where the default is higher",
    ),
    "extensions.queues.maxPollingInterval": (
        lambda value: 0 < seconds(value) <= 2,
        "a job that is sent to an idle app starts within seconds, not within a minute",
    ),
    "extensions.queues.maxDequeueCount": (
        lambda value: value * seconds(host_value("extensions.queues.visibilityTimeout")) >= 4 * 3600,
        "a host without a worker, which fails every invocation at once, has hours to recover",
    ),
    "extensions.queues.visibilityTimeout": (
        lambda value: 10 <= seconds(value) <= 60,
        "a failed message is tried again soon, and not at once",
    ),
    "extensions.queues.messageEncoding": (
        lambda value: value == "none",
        "a message that is no base64 reaches batchmgr, which decodes it, instead of the poison queue",
    ),
}
"""Every value of host.json: what it has to be, and the promise that depends on it."""


def flattened(document: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= flattened(value, f"{path}{name}.")
        else:
            found[path + name] = value
    return found


def host_value(path: str) -> Any:
    return flattened(read_json("host.json"))[path]


def test_every_value_of_host_json_has_a_promise_that_depends_on_it() -> None:
    assert set(flattened(read_json("host.json"))) == set(PROMISES)


@pytest.mark.parametrize("path", PROMISES)
def test_a_value_of_host_json_keeps_its_promise(path: str) -> None:
    holds, promise = PROMISES[path]
    assert holds(host_value(path)), promise


def test_the_sample_settings_are_plain_and_complete() -> None:
    sample = read_json("local.settings.sample.json")
    assert sample["IsEncrypted"] is False
    values: dict[str, str] = sample["Values"]
    assert all(isinstance(value, str) for value in values.values())
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"
    Settings.from_environment(values).check()


def test_the_sample_settings_name_everything_that_the_bindings_refer_to() -> None:
    values = read_json("local.settings.sample.json")["Values"]
    for function in load_app().values():
        for binding in bindings(function):
            named = set(re.findall("%(.+?)%", json.dumps(binding)))
            named |= {binding["connection"]} if "connection" in binding else set()
            assert named <= set(values)


def test_the_sample_settings_scan_for_blobs_because_azurite_raises_no_events() -> None:
    values = read_json("local.settings.sample.json")["Values"]
    assert Settings.from_environment(values).blob_source == "LogsAndContainerScan"


def test_the_pins_are_for_exactly_the_dependencies(
    pins: dict[str, Requirement], dependencies: dict[str, Requirement]
) -> None:
    assert set(pins) == set(dependencies)


def test_every_pin_is_one_version_within_the_bounds_of_its_dependency(
    pins: dict[str, Requirement], dependencies: dict[str, Requirement]
) -> None:
    for name, pin in pins.items():
        [specifier] = pin.specifier
        assert specifier.operator == "==", name
        assert specifier.version in dependencies[name].specifier, name


def test_function_app_stays_under_20_lines() -> None:
    assert len(FUNCTION_APP.read_text().splitlines()) < 20


def test_what_is_deployed_is_the_app_and_nothing_else() -> None:
    listing = ["git", "ls-files", "--cached", "--ignored", "--exclude-from", ".funcignore"]
    everything = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if everything.returncode:
        pytest.skip("this is not a git checkout")
    ignored = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    deployed = set(everything.stdout.split("\n")) - set(ignored.stdout.split("\n"))
    assert {path for path in deployed if "/" not in path} == {
        "LICENSE",
        "function_app.py",
        "host.json",
        "requirements.txt",
    }
    folders = {path.rpartition("/")[0] for path in deployed if "/" in path}
    local = (
        "batchmgr/cli",
        "batchmgr/client",
        "batchmgr/devstack",
        "batchmgr/dispatcher",
        "batchmgr/doctor",
        "batchmgr/packaging",
        "batchmgr/simulation",
    )
    assert all(folder.startswith("batchmgr") and not folder.startswith(local) for folder in folders)
