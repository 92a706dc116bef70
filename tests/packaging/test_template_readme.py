"""The README of a new workload leads to a job on the local stack: every step is run, as it is written.

Steps that need Azure are marked as such, and are not run.
"""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from batchmgr.packaging.create_workload import create_workload
from tests.azurite_here import require_azurite
from tests.packaging.fresh_environment import ROOT, copy_tracked_files, fresh_variables, run_script
from tests.packaging.readme_steps import steps
from tests.started_stack import started_stack


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of batchmgr in which `make install` has been run."""
    require_azurite()
    target = tmp_path / "clone of batchmgr"
    copy_tracked_files(target)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    return target


@pytest.mark.clients
def test_each_step_of_the_readme_works_up_to_a_job_on_the_local_stack(tmp_path: Path, clone: Path) -> None:
    variables = fresh_variables(tmp_path) | {"BATCHMGR": str(clone)}
    python = shlex.quote(sys.executable)
    make_install = [f"{python} -m venv .venv", ".venv/bin/python -m pip install -q --no-deps -e ."]
    run_script(make_install, directory=clone, variables=variables)
    project = create_workload("my_workload", tmp_path)
    # The README's `python3` is this Python.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    variables["PATH"] = (
        f"{project / '.venv' / 'bin'}{os.pathsep}{tmp_path / 'bin'}{os.pathsep}{variables['PATH']}"
    )

    found = steps((project / "README.md").read_text())
    kinds = [kind for kind, _ in found]
    start = kinds.index("start")
    assert kinds[:start] == [""] * start
    run_script([commands for _, commands in found[:start]], directory=project, variables=variables)
    with started_stack(found[start][1], project, variables) as addresses:
        output = run_script(
            [commands for kind, commands in found[start + 1 :] if not kind],
            directory=project,
            variables=variables
            | {
                "BATCHMGR_URL": addresses["functions"],
                "AZURE_STORAGE_CONNECTION_STRING": addresses["connectionString"],
            },
        )
    assert '"state": "succeeded"' in output
    assert "words.tsv" in output
    assert "./wheels/my_workload-0.1.0-py3-none-any.whl" in (clone / "requirements.txt").read_text()


def test_what_needs_azure_is_marked_and_nothing_else_is(tmp_path: Path) -> None:
    readme = (create_workload("my_workload", tmp_path) / "README.md").read_text()
    azure = re.compile(r"azd |az |publish |azurewebsites|core\.windows\.net")
    for kind, commands in steps(readme):
        assert bool(azure.search(commands)) == (kind == "needs-azure"), commands
    assert {kind for kind, _ in steps(readme)} == {"", "start", "needs-azure"}
