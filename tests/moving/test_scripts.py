"""docs/moving/scripts.md: a Slurm array becomes a job."""

import shutil

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import tell

pytestmark = pytest.mark.clients


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
def test_the_scripts_and_the_program_run_unchanged(clone: Clone) -> None:
    tell("scripts", clone.directory, clone.variables)
    crossings = (clone.directory / "batchmgr-local" / "percolation" / "crossings.tsv").read_text()
    parts = [float(line.split("\t")[1]) for line in crossings.splitlines()]
    assert parts == sorted(parts)
    assert parts[0] < 0.05 < 0.95 < parts[-1]
