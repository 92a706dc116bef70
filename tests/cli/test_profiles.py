"""Which app a command calls, and with which key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.cli.profiles import chosen_address, profiles_file
from batchmgr.client.connection import LOCAL
from batchmgr.errors import SettingsError
from tests.client.stand_in_app import StandInApp

PROFILES = """
[default]
url = "https://default.example"
key_command = "echo of-default"

[test]
url = "https://test.example/api"
key = "of-test"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    found = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = profiles_file(found)
    path.parent.mkdir()
    path.write_text(PROFILES)
    path.chmod(0o600)
    return found


def chosen(environment: dict[str, str], url: str = "", key: str = "", profile: str = "") -> tuple[str, str]:
    address = chosen_address(url, key, profile, environment)
    return address.url, address.key


def test_the_nearest_to_the_command_counts(environment: dict[str, str]) -> None:
    assert chosen(environment) == ("https://default.example", "of-default")
    environment["BATCHMGR_PROFILE"] = "test"
    assert chosen(environment) == ("https://test.example/api", "of-test")
    environment["BATCHMGR_URL"] = "https://variable.example"
    environment["BATCHMGR_FUNCTION_KEY"] = "of-variable"
    assert chosen(environment) == ("https://variable.example", "of-variable")
    environment["BATCHMGR_KEY"] = "of-shorter"
    assert chosen(environment) == ("https://variable.example", "of-shorter")
    assert chosen(environment, profile="test") == ("https://test.example/api", "of-test")
    assert chosen(environment, url="https://option.example", key="mine") == ("https://option.example", "mine")


def test_the_key_of_a_profile_is_sent_to_its_address_alone(environment: dict[str, str]) -> None:
    assert chosen(environment, url="https://elsewhere.example") == ("https://elsewhere.example", "")
    with pytest.raises(SettingsError, match="give --url or --profile"):
        chosen(environment, url="https://elsewhere.example", profile="test")


def test_without_profiles_it_is_the_local_stack(tmp_path: Path) -> None:
    assert chosen({"XDG_CONFIG_HOME": str(tmp_path / "none")}) == (LOCAL, "")


def test_a_key_may_be_in_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    assert chosen(environment, key=f"@{tmp_path / 'key'}", url="https://x")[1] == "from-file"
    with pytest.raises(SettingsError, match="No such file"):
        chosen(environment, key="@/none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url = ", "is no TOML"),
        ("[other]\nurl = 'x'", "has no profile 'test'; it has other"),
        ("[test]\nuri = 'x'", r"test\.uri is none of key, key_command, url"),
        ("[test]\nkey_command = 'false'", "gave no key: false failed"),
        ("[test]\nkey_command = ''", "gave no key: it failed"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(environment: dict[str, str], text: str, said: str) -> None:
    profiles_file(environment).write_text(text)
    with pytest.raises(SettingsError, match=said):
        chosen(environment, profile="test")


def test_a_key_that_others_can_read_is_refused(environment: dict[str, str]) -> None:
    profiles_file(environment).chmod(0o644)
    with pytest.raises(SettingsError, match="others can read it: chmod 600"):
        chosen(environment, profile="test")


def test_a_profile_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no profile 'x'"):
        chosen({"XDG_CONFIG_HOME": str(tmp_path / "none")}, profile="x")


def test_no_key_is_printed_whatever_fails(app: StandInApp, environment: dict[str, str]) -> None:
    profiles_file(environment).write_text(f"[default]\nurl = '{app.url}'\nkey_command = 'echo hidden'\n")
    variables = {**os.environ, **environment}
    variables.pop("BATCHMGR_URL")
    run = subprocess.run(
        [sys.executable, "-m", "batchmgr.cli", "status", "gone"],
        env=variables,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 102
    assert "hidden" not in run.stdout + run.stderr
    assert app.asked[0][2]["x-functions-key"] == "hidden"
