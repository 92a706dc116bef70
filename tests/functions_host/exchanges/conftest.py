"""The stage on which sequences are played."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functions_host.exchanges.stage import Stage, make_stage


@pytest.fixture
def stage(tmp_path: Path, azurite_accounts: Callable[[], str]) -> Iterator[Stage]:
    """The app of the recordings, and an account of the tests' Azurite."""
    with make_stage(tmp_path, azurite_accounts()) as stage:
        stage.create_containers()
        yield stage
