"""The files that are deployed with the app, or that a developer starts from."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement

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


def test_host_json_takes_the_extensions_from_version_4_of_the_bundle() -> None:
    host = read_json("host.json")
    assert host["version"] == "2.0"
    assert host["extensionBundle"]["id"] == "Microsoft.Azure.Functions.ExtensionBundle"
    assert re.fullmatch(r"\[4\.\S+, 5\.0\.0\)", host["extensionBundle"]["version"])


def test_host_json_keeps_to_what_every_hosting_plan_allows() -> None:
    host = read_json("host.json")
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    assert 0 < hours * 3600 + minutes * 60 + seconds <= 10 * 60
    assert 1 <= host["extensions"]["queues"]["batchSize"] <= 32


def test_host_json_reads_the_queues_as_batchmgr_writes_them_and_pauses_after_a_failure() -> None:
    queues = read_json("host.json")["extensions"]["queues"]
    assert queues["messageEncoding"] == "base64"
    assert queues["maxDequeueCount"] > 1
    assert queues["visibilityTimeout"] != "00:00:00"


def test_the_route_prefix_is_the_one_in_the_links() -> None:
    assert read_json("host.json")["extensions"]["http"]["routePrefix"] == "api"


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
    local = ("batchmgr/cli", "batchmgr/devstack", "batchmgr/dispatcher", "batchmgr/packaging")
    assert all(folder.startswith("batchmgr") and not folder.startswith(local) for folder in folders)
