from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.stand_in_app import StandInApp, stand_in_app


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInApp]:
    """An app that follows the HTTP contract, which commands call if they are told nothing else."""
    for name in ("BATCHMGR_KEY", "BATCHMGR_FUNCTION_KEY", "BATCHMGR_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with stand_in_app() as started:
        monkeypatch.setenv("BATCHMGR_URL", started.url)
        yield started
