"""docs/moving/container.md: an image runs for each file of a storage container."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import tell

pytestmark = pytest.mark.clients


@pytest.fixture
def variables(clone: Clone, tmp_path: Path) -> dict[str, str]:
    """The variables of a user who has a stand-in for docker."""
    stand_in = tmp_path / "stand_in_docker.py"
    shutil.copy(Path(__file__).with_name("stand_in_docker.py"), stand_in)
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    program.chmod(0o755)
    return clone.variables | {"PATH": f"{program.parent}{os.pathsep}{clone.variables['PATH']}"}


def test_an_image_runs_unchanged_for_each_file(clone: Clone, variables: dict[str, str]) -> None:
    *_, results = tell("container", clone.directory, variables)
    assert results.splitlines()[-3:] == [
        "NC_001416.1\t48502\t0.4986",
        "at_rich\t1200\t0.3125",
        "gc_rich\t1200\t0.6925",
    ]
