"""Tests `batchmgr package` as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.packaging.build_package import file_digest
from tests.packaging.sample import write_sample

ROOT = Path(__file__).parents[2]
ACCOUNT = ("--subscription", "s", "--resource-group", "g", "--account", "a")


def package(*arguments: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "batchmgr.cli", "package", *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_build_prints_the_path_of_the_package_and_its_digest(tmp_path: Path) -> None:
    ended = package("build", directory=write_sample(tmp_path))
    archive = tmp_path / "letter-count" / "dist" / "letter_count-1.2.3.zip"
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"dist/letter_count-1.2.3.zip\nsha256 {file_digest(archive)}\n"


def test_build_prints_which_dependencies_nodes_need(tmp_path: Path) -> None:
    write_sample(tmp_path, dependencies='"batchmgr", "numpy>=2"')
    ended = package("build", "letter-count", "--output", "out", directory=tmp_path)
    assert ended.stdout.startswith("out/letter_count-1.2.3.zip\n")
    assert "Not included, but needed on nodes: numpy>=2" in ended.stdout


def test_build_uses_the_time_of_source_date_epoch(tmp_path: Path) -> None:
    root = write_sample(tmp_path)
    outputs = {
        package("build", directory=root, SOURCE_DATE_EPOCH=epoch).stdout
        for epoch in ("1700000000", "1700000001", "1700000002")
    }
    assert len(outputs) == 2  # times in a zip file have a resolution of two seconds


@pytest.mark.parametrize("epoch", ["yesterday", "1e9", "9" * 30])
def test_an_invalid_time_is_refused(tmp_path: Path, epoch: str) -> None:
    ended = package("build", directory=write_sample(tmp_path), SOURCE_DATE_EPOCH=epoch)
    assert ended.returncode == 1
    assert ended.stderr == f"batchmgr package: SOURCE_DATE_EPOCH must be seconds since 1970, not {epoch!r}\n"


def test_a_version_that_is_not_semver_is_refused_in_one_message(tmp_path: Path) -> None:
    root = write_sample(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace("1.2.3", "1.2rc1"))
    ended = package("build", directory=root)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("batchmgr package: pyproject.toml: the version '1.2rc1' is not SemVer")
    assert len(ended.stderr.splitlines()) == 1


def test_publish_takes_nothing_but_an_application_package(tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_text("no zip file")
    ended = package("publish", "notes.zip", *ACCOUNT, directory=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        "batchmgr package: notes.zip is not an application package of a workload; make one with: "
        "batchmgr package build\n"
    )


def test_publish_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    # As if azure-mgmt-batch was not installed.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['azure.mgmt.batch.aio'] = None\n")
    ended = package(
        "publish",
        "x.zip",
        *ACCOUNT,
        directory=tmp_path,
        PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
    )
    assert ended.returncode == 1
    assert "pip install 'batchmgr[publish]'" in ended.stderr


def test_without_a_command_the_usage_is_shown(tmp_path: Path) -> None:
    ended = package(directory=tmp_path)
    assert ended.returncode == 2
    assert "Usage: batchmgr package [OPTIONS] COMMAND" in ended.stderr
