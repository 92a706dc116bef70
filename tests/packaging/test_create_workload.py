"""Tests the files of a new workload package, and that the next three commands work."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from batchmgr.errors import PackageError
from batchmgr.packaging.create_workload import MAX_NAME, create_workload

ROOT = Path(__file__).parents[2]
LONGEST = "a" * MAX_NAME


def init(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "batchmgr.cli", "init", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def offer_wheel_of_installed(name: str, directory: Path) -> None:
    """Rebuild the wheel of an installed package in pure Python."""
    installed = distribution(name)
    with zipfile.ZipFile(
        directory / f"{name.replace('-', '_')}-{installed.version}-py3-none-any.whl", "w"
    ) as wheel:
        for file in installed.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                wheel.write(str(file.locate()), file.as_posix())


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a new virtual environment, and a package index without network.

    batchmgr and pytest, which the index lacks, are on the path of the virtual environment already.
    """
    venv.create(tmp_path / "venv", with_pip=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    (site / "index.pth").write_text(f"{ROOT}\n{ROOT}/emulators\n{distribution('batchmgr').locate_file('')}\n")
    (tmp_path / "index").mkdir()
    offer_wheel_of_installed("poetry-core", tmp_path / "index")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    path = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index")}


def test_the_next_three_commands_install_test_and_run_the_workload(
    tmp_path: Path, fresh: dict[str, str]
) -> None:
    written = init("my_workload", directory=tmp_path)
    assert (written.returncode, written.stderr) == (0, "")
    commands = [line.strip() for line in written.stdout.splitlines() if line.startswith("  ")]
    assert len(commands) == 3
    # In one shell, as the user does, because the first command changes the directory.
    if find_spec("batchmgr.dispatcher") is None:
        commands.pop()
    script = "\n".join(["set -e", *commands])
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env=fresh,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    if len(commands) == 3:
        [words] = (tmp_path / "my_workload" / "batchmgr-local").rglob("storage/job-*/words.tsv")
        assert words.read_text().startswith("word\tcount\nwords\t4\n")
    listed = subprocess.run(
        ["python", "-m", "batchmgr.cli", "workloads", "--json"],
        cwd=tmp_path,
        env=fresh,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [workload] = [each for each in json.loads(listed.stdout) if each["name"] == "my_workload"]
    assert (workload["version"], workload["taskTypes"]) == ("0.1.0", ["CountWordsTask"])
    assert workload["problems"] == []


@pytest.mark.parametrize("name", ["word_count", LONGEST])
def test_what_is_written_passes_the_linter_and_the_type_checker(tmp_path: Path, name: str) -> None:
    directory = create_workload(name, tmp_path)
    assert "my_workload" not in "".join(
        f"{file}{file.read_text()}" for file in directory.rglob("*") if file.is_file()
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
    assert "  cd 'new place/mine' && python -m pip install -e '.[dev]'\n" in ended.stdout
    assert (tmp_path / "new place" / "mine" / "mine" / "__main__.py").is_file()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PackageError, match="below: Not a directory"):
        create_workload("mine", tmp_path / "file" / "below")
