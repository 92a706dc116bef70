"""An app with a workload's wheel and batchmgr's beside it can be installed and indexed anywhere."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from batchmgr.errors import PackageError
from batchmgr.packaging.app_wheels import add_to_app
from batchmgr.packaging.create_workload import create_workload
from tests.packaging.fresh_environment import ROOT, copy_tracked_files, fresh_variables, run_script

INDEX_APP = """
import json
from function_app import app
from batchmgr.adapters.workload_registry import WorkloadRegistry
functions = [function.get_function_name() for function in app.get_functions()]
[one] = [one for one in WorkloadRegistry().describe() if one.name == "my_workload"]
print(json.dumps({"functions": functions, "version": one.version, "problems": list(one.problems)}))
"""


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fresh = fresh_variables(tmp_path)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, fresh[name])
    return create_workload("my_workload", tmp_path / "work")


def app_folder(parent: Path) -> Path:
    app = parent / "app"
    app.mkdir()
    (app / "host.json").write_text("{}")
    (app / "requirements.txt").write_text("aiohttp==3.14.5\n./wheels/other-1.0.0-py3-none-any.whl\n")
    return app


@pytest.mark.clients
def test_the_wheels_are_beside_the_requirements_and_older_ones_are_replaced(
    workload: Path, tmp_path: Path
) -> None:
    app = app_folder(tmp_path)
    add_to_app(workload, app)
    project = workload / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
    added = add_to_app(workload, app)
    own, new = added
    assert re.fullmatch(r"\./wheels/batchmgr-[\w.]+-py3-none-any\.whl", own)
    assert new == "./wheels/my_workload-0.2.0-py3-none-any.whl"
    lines = (app / "requirements.txt").read_text().splitlines()
    assert lines == ["aiohttp==3.14.5", "./wheels/other-1.0.0-py3-none-any.whl", own, new]
    assert {f"./wheels/{file.name}" for file in (app / "wheels").iterdir()} == set(added)


def test_a_folder_that_is_no_app_is_refused(workload: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"host\.json does not exist; --app takes the folder"):
        add_to_app(workload, tmp_path)


def test_a_workload_that_cannot_be_built_is_refused_and_the_app_stays(workload: Path, tmp_path: Path) -> None:
    app = app_folder(tmp_path)
    before = (app / "requirements.txt").read_text()
    (workload / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(PackageError, match=r"pip cannot build a wheel of .*my_workload"):
        add_to_app(workload, app)
    assert (app / "requirements.txt").read_text() == before
    assert not (app / "wheels").exists()


def deploy(tmp_path: Path, workload: Path) -> Path:
    """Return the app's folder as it is deployed, with the workload: what .funcignore leaves."""
    app = tmp_path / "deployed"
    copy_tracked_files(app)
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-from", ".funcignore"]
    for name in subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
        (app / name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "batchmgr.cli", "package", "wheel", "--app", str(app)]
    subprocess.run(command, cwd=workload, check=True, capture_output=True)
    return app


def install_and_index(app: Path, variables: dict[str, str]) -> None:
    """Install the requirements as the remote build does, in the app's folder, and index the app there."""
    output = run_script(
        [
            f"{shlex.quote(sys.executable)} -m venv ../build",
            "../build/bin/python -m pip install --quiet -r requirements.txt",
            f"../build/bin/python -c {shlex.quote(INDEX_APP)}",
        ],
        directory=app,
        variables=variables,
        seconds=600,
    )
    found = json.loads(output.splitlines()[-1])
    assert {"create_job", "submit_job", "finalize_job", "poll_jobs"} <= set(found["functions"])
    assert (found["version"], found["problems"]) == ("0.1.0", [])


@pytest.mark.clients
def test_a_deployed_app_installs_both_wheels_and_finds_the_workload_without_an_index(
    workload: Path, tmp_path: Path
) -> None:
    app = deploy(tmp_path, workload)
    requirements = app / "requirements.txt"
    # The versions of the libraries that are installed here will do.
    requirements.write_text(re.sub(r"==[\w.]+", "", requirements.read_text()))
    (tmp_path / "user").mkdir()
    install_and_index(app, fresh_variables(tmp_path / "user"))


@pytest.mark.package_index
def test_a_deployed_app_installs_its_pinned_libraries_from_the_index(workload: Path, tmp_path: Path) -> None:
    app = deploy(tmp_path, workload)
    (tmp_path / "user").mkdir()
    fresh = fresh_variables(tmp_path / "user")
    for name in ("PYTHONPATH", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del fresh[name]
    install_and_index(app, fresh)


@pytest.mark.package_index
def test_a_new_workload_installs_its_libraries_from_the_index_and_batchmgr_from_its_folder(
    workload: Path, tmp_path: Path
) -> None:
    (tmp_path / "user").mkdir()
    fresh = fresh_variables(tmp_path / "user")
    for name in ("PYTHONPATH", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del fresh[name]
    command = [sys.executable, "-m", "batchmgr.cli", "init", "new_workload"]
    written = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    commands = [line.strip() for line in written.stdout.splitlines() if line.startswith("  ")]
    output = run_script(commands, directory=tmp_path, variables=fresh, seconds=600)
    assert "9 passed" in output
