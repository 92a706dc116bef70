"""docs/moving/old-python.md: old code runs on nodes, with its old libraries and its old Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import tell
from tests.old_python import find_python, oldest_python

pytestmark = pytest.mark.clients


@pytest.fixture
def variables(clone: Clone, tmp_path: Path) -> dict[str, str]:
    """The variables of a user who has a package index, and perhaps old Pythons."""
    kept = {name: value for name, value in clone.variables.items() if not name.startswith("PIP_")}
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(tmp_path),
        "astral==1.10.1",
    ]
    found = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    if found.returncode:
        if os.environ.get("CI"):
            pytest.fail(found.stderr)
        pytest.skip("there is no package index here")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, python in (("python3.8", oldest_python()), ("python2.7", find_python("2.7"))):
        if python is not None:
            (programs / name).symlink_to(python)
    return kept | {"PATH": f"{programs}{os.pathsep}{kept['PATH']}"}


def test_old_code_runs_with_its_libraries_and_its_python(clone: Clone, variables: dict[str, str]) -> None:
    also = ("needs-python2.7",) if find_python("2.7") else ()
    tell("old-python", clone.directory, variables, also=also)
