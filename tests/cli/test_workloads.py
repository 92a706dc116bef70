"""Tests the text and the JSON that `batchmgr workloads` prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKLOAD = "from batchmgr import WorkloadBase\nprint('imported')\nclass W(WorkloadBase): ...\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory of modules that a setting may name."""
    package = tmp_path / "good_workload"
    package.mkdir()
    (package / "__init__.py").write_text(WORKLOAD)
    (package / "__main__.py").touch()
    (tmp_path / "bad_workload.py").write_text("exit('usage: old_script FILE')\n")
    return tmp_path


def listed(site: Path, named: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(site), os.environ.get("PYTHONPATH", "")))
    return subprocess.run(
        [sys.executable, "-m", "batchmgr.cli", "workloads", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"BATCHMGR_WORKLOADS": named, "PYTHONPATH": path},
    )


def test_the_table_has_a_line_for_each_workload(site: Path) -> None:
    ended = listed(site, "good=good_workload:W")
    assert ended.returncode == 0, ended.stderr
    header, *rows = ended.stdout.splitlines()
    assert header.split() == ["NAME", "VERSION", "PACKAGE", "TASK", "TYPES"]
    assert ["good", "-", "good_workload", "none"] in [row.split() for row in rows]


def test_a_broken_workload_is_reported_and_makes_the_exit_code_1(site: Path) -> None:
    ended = listed(site, "good=good_workload:W,bad=bad_workload:W")
    assert ended.returncode == 1
    assert "workload 'bad' cannot be loaded: SystemExit: usage: old_script FILE" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "good_workload" in ended.stdout


def test_for_programs_the_list_is_json_and_nothing_else(site: Path) -> None:
    ended = listed(site, "good=good_workload:W,bad=bad_workload:W", "-o", "json")
    assert ended.returncode == 1
    found = {workload["name"]: workload for workload in json.loads(ended.stdout)}
    assert found["good"] == {
        "name": "good",
        "distribution": None,
        "version": None,
        "package": "good_workload",
        "taskTypes": [],
        "problems": [],
    }
    assert found["bad"]["problems"]


def test_an_invalid_setting_is_named(site: Path) -> None:
    ended = listed(site, "good")
    assert ended.returncode == 1
    assert ended.stderr.startswith("batchmgr workloads: BATCHMGR_WORKLOADS has 'good'")
