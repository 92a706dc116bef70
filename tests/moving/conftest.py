"""A clone of batchmgr in which `make install` has been run, for the pages of docs/moving."""

import shlex
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
