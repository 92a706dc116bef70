"""A clone of batchmgr in which `make install` has been run, for the pages of docs/moving."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azurite_here import require_azurite
from tests.packaging.fresh_environment import ROOT, copy_tracked_files, fresh_variables, run_script


@dataclass(frozen=True, kw_only=True)
class Clone:
    """The directory of a clone, and the environment variables of its user."""

    directory: Path
    variables: dict[str, str]


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that all pages share, as they do on a reader's machine."""
    require_azurite()
    home = tmp_path_factory.mktemp("home")
    variables = fresh_variables(home)
    directory = home / "batchmgr"
    copy_tracked_files(directory)
    (directory / "node_modules").symlink_to(ROOT / "node_modules")
    python = shlex.quote(sys.executable)
    make_install = [f"{python} -m venv .venv", ".venv/bin/python -m pip install -q --no-deps -e ."]
    run_script(make_install, directory=directory, variables=variables)
    return Clone(directory=directory, variables=variables)


@pytest.fixture(scope="session")
def docker(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a user who has a stand-in for docker."""
    home = tmp_path_factory.mktemp("docker")
    stand_in = home / "stand_in_docker.py"
    shutil.copy(Path(__file__).with_name("stand_in_docker.py"), stand_in)
    program = home / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    program.chmod(0o755)
    return clone.variables | {"PATH": f"{program.parent}{os.pathsep}{clone.variables['PATH']}"}
