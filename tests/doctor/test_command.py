"""The command itself: where settings come from, exit codes, text and JSON."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.doctor.check_settings import OWN
from batchmgr.doctor.finding import fine, unknown, warning, wrong
from batchmgr.doctor.read_settings import read_settings
from batchmgr.doctor.report import WIDTH, as_json, as_text
from batchmgr.errors import SettingsError
from tests.doctor.conftest import SetUp, settings
from tests.infra.bicep import ROOT


def doctor(directory: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("Azure", "BATCHMGR_"))}
    return subprocess.run(
        [sys.executable, "-m", "batchmgr.cli", "doctor", *options],
        cwd=directory,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write(file: Path, values: object) -> None:
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))


def test_the_file_in_the_current_directory_is_read(tmp_path: Path) -> None:
    write(tmp_path / "local.settings.json", {"BATCHMGR_POOLID": "x"})
    ended = doctor(tmp_path)
    assert ended.returncode == 1
    assert "BATCHMGR_POOLID is read by nobody" in ended.stdout
    assert "no storage account is configured" in ended.stdout
    assert ended.stderr == ""


async def test_a_healthy_set_up_is_exit_code_0(set_up: SetUp, tmp_path: Path) -> None:
    write(tmp_path / "local.settings.json", set_up.environment)
    ended = await asyncio.to_thread(doctor, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert ended.stdout.splitlines()[-1] == "14 fine"


def test_a_variable_takes_precedence_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    write(file, {"BATCHMGR_POLL_SCHEDULE": "wrong", "BATCHMGR_POOL_ID": "p"})
    found = read_settings({"BATCHMGR_POLL_SCHEDULE": "*/5 * * * * *"}, file)
    assert found.environment["BATCHMGR_POLL_SCHEDULE"] == "*/5 * * * * *"
    assert found.environment["BATCHMGR_POOL_ID"] == "p"
    assert found.source == str(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is not JSON"),
        ('{"IsEncrypted": true, "Values": {}}', "is encrypted: run `func settings decrypt`"),
        ('{"Values": {"A": 1}}', "every value is a string"),
        ("[]", 'must have "Values"'),
    ],
)
def test_a_file_that_can_not_be_used_is_told(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=why):
        read_settings({}, file)


def test_what_can_not_be_read_is_exit_code_2(tmp_path: Path) -> None:
    ended = doctor(tmp_path, "--settings", "missing.json")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "batchmgr doctor: missing.json can't be read: No such file or directory\n"
    ended = doctor(tmp_path, "--app", "my-app")
    assert ended.returncode == 2
    assert "'my-app' is not a resource id of an app" in ended.stderr


def test_no_secret_is_printed(tmp_path: Path, connection_string: str) -> None:
    values = dict(settings(connection_string, "http://127.0.0.1:9")) | {
        "BATCHMGR_CALLBACK_KEY": "whsec_c2VjcmV0LW9mLXNvbWVib2R5",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=no-guid",
    }
    write(tmp_path / "local.settings.json", values)
    ended = doctor(tmp_path)
    key = connection_string.partition("AccountKey=")[2].partition(";")[0]
    for secret in (key, values["BATCHMGR_BATCH_KEY"], "c2VjcmV0", "no-guid"):
        assert secret not in ended.stdout + ended.stderr


FINDINGS = [
    fine("settings", "12 settings, from the environment"),
    warning("callbacks", "callbacks are not signed: a receiver can't tell who sent them", "Make a key."),
    wrong("blobs", "x " * 60, f"Give it the role:\n    az role assignment create {'--option value ' * 9}"),
    unknown("pool", "Azure Batch can't be used"),
]


def test_the_text_fits_a_terminal_and_its_commands_a_shell() -> None:
    text = as_text(FINDINGS)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.splitlines()[0] == f"{'settings':<15}{'fine':<9}12 settings, from the environment"
    command = text[text.index("  az role") : text.index("\npool")]
    said = subprocess.run(
        ["sh", "-c", f"az() {{ echo $#; }}\n{command}"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"{3 + 18}\n"
    assert text.splitlines()[-1] == "1 fine, 1 warning, 1 wrong, 1 unknown"


def test_the_json_has_every_finding() -> None:
    told = json.loads(as_json(FINDINGS))
    assert told["healthy"] is False
    assert told["findings"][0] == {
        "check": "settings",
        "status": "fine",
        "what": "12 settings, from the environment",
    }
    assert set(told["findings"][1]) == {"check", "status", "what", "remedy"}
    assert json.loads(as_json(FINDINGS[:2]))["healthy"] is True


def test_the_settings_that_are_read_are_those_that_are_documented() -> None:
    documented = (ROOT / "docs/settings.md").read_text()
    rows = {line.split("`")[1] for line in documented.splitlines() if line.startswith("| `BATCHMGR_")}
    assert rows == OWN
