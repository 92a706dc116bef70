"""Tests the files of a new workload package, and that the commands work that are printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.errors import PackageError
from batchmgr.packaging.create_workload import MAX_NAME, create_workload
from tests.packaging.fresh_environment import fresh_variables, run_script

ROOT = Path(__file__).parents[2]
LONGEST = "a" * MAX_NAME


def init(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "batchmgr.cli", "init", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    return fresh_variables(tmp_path)


def printed(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.startswith("  ")]


@pytest.mark.clients
def test_the_printed_commands_install_test_and_run_the_workload_where_no_index_has_batchmgr(
    tmp_path: Path, fresh: dict[str, str]
) -> None:
    written = init("my_workload", directory=tmp_path)
    assert (written.returncode, written.stderr) == (0, "")
    output = run_script(
        [
            *printed(written.stdout),
            "batchmgr workloads -o json > workloads.json",
            # What commands print if an extra is missing.
            "python -m pip install 'batchmgr[app,local]' 'batchmgr[publish]'",
        ],
        directory=tmp_path,
        variables=fresh,
    )
    assert "9 passed" in output
    project = tmp_path / "my_workload"
    [words] = (project / "batchmgr-local").rglob("storage/job-*/words.tsv")
    assert words.read_text().startswith("word\tcount\nwords\t4\n")
    [workload] = json.loads((project / "workloads.json").read_text())
    assert (workload["name"], workload["version"]) == ("my_workload", "0.1.0")
    assert (workload["taskTypes"], workload["problems"]) == (["CountWordsTask"], [])


@pytest.mark.parametrize(
    ("name", "workload"),
    [("my_workload", "MyWorkload"), ("word_count", "WordCountWorkload"), ("workload", "WorkloadWorkload")],
)
def test_the_classes_and_the_application_package_are_named_after_the_package(
    tmp_path: Path, name: str, workload: str
) -> None:
    directory = create_workload(name, tmp_path)
    code = (directory / name / "workload.py").read_text()
    assert f"class {workload}(WorkloadBase):" in code
    assert f"class {workload.removesuffix('Workload')}JobManager(JobManager):" in code
    assert f'application_id="{name}"' in code
    assert f'{name} = "{name}:{workload}"' in (directory / "pyproject.toml").read_text()
    assert f'"workload": "{name}"' in (directory / "example" / "run_job.py").read_text()


@pytest.mark.parametrize("name", [pytest.param("word_count", marks=pytest.mark.clients), LONGEST])
def test_what_is_written_passes_the_linter_and_the_type_checker(tmp_path: Path, name: str) -> None:
    directory = create_workload(name, tmp_path)
    assert "my_workload" not in "".join(
        f"{file}{file.read_text()}"
        for file in directory.rglob("*")
        if file.is_file() and file.suffix != ".whl"
    )
    tools = (["ruff", "check", "."], ["ruff", "format", "--check", "."])
    for tool in (*tools, ["mypy", "--cache-dir", str(tmp_path / "cache")]):
        done = subprocess.run(
            [sys.executable, "-m", *tool],
            cwd=directory,
            env=os.environ | {"MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if name == LONGEST:
            return  # long names can break line lengths, not types


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my-workload", "'my-workload' cannot be a Python package's name.*such as my_workload"),
        ("2fast", "cannot be a Python package's name"),
        ("", "cannot be a Python package's name"),
        ("größe", "letters, digits and underscores"),
        ("../escape", "cannot be a Python package's name"),
        ("class", "'class' is a keyword of the Python language"),
        ("json", "'json' is the name of a module of Python's standard library"),
        ("batchmgr", "used by another package"),
        ("MyWorkload", "in lower case.*: myworkload"),
        ("_hidden", "in lower case"),
        ("a" * 65, "has 65 characters"),
    ],
)
def test_an_invalid_name_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(PackageError, match=told):
        create_workload(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.py").write_text("precious")
    ended = init("mine", directory=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "batchmgr init: mine exists already; choose another name, or another --dir\n"
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["work.py"]


def test_it_is_written_below_the_given_directory(tmp_path: Path) -> None:
    ended = init("mine", "--dir", "new place", directory=tmp_path)
    assert "  cd 'new place/mine'\n" in ended.stdout
    assert (tmp_path / "new place" / "mine" / "mine" / "__main__.py").is_file()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PackageError, match="below: Not a directory"):
        create_workload("mine", tmp_path / "file" / "below")
