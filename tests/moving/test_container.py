"""docs/moving/container.md: an image runs for each file of a storage container."""

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import tell


@pytest.mark.clients
def test_an_image_runs_unchanged_for_each_file(clone: Clone, docker: dict[str, str]) -> None:
    *_, results = tell("container", clone.directory, docker)
    assert results.splitlines()[-3:] == [
        "NC_001416.1\t48502\t0.4986",
        "at_rich\t1200\t0.3125",
        "gc_rich\t1200\t0.6925",
    ]
