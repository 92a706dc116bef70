"""A pytest fixture that starts a fake Azure Batch for each test that asks for it.

Installing `batchmgr[fakebatch]` registers this plugin with pytest: no line in a conftest.py is needed.

    @pytest.mark.fake_batch("--pool", "big=50x4", "--executor", "simulated")
    def test_a_lost_response_adds_no_task_twice(fake_batch: FakeBatchProcess) -> None:
        fake_batch.faults.add("cut", "create_task_collection", count=1)
        ...

`fake_batch` is a `fakebatch.testing.FakeBatchProcess`. Without the marker it has a pool `hpc` with two nodes
that run four tasks each. The arguments of the marker replace that: they are those of `python -m fakebatch`.

pytest imports this module in every run, wherever batchmgr is installed, so it must stay cheap: at module
level it imports only pytest and the standard library, and it is valid Python 3.8. The fixture itself needs
Python 3.11 or newer and the extra `fakebatch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakebatch.testing import FakeBatchProcess

_ARGUMENTS = ("--pool", "hpc=2x4")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, for runs with --strict-markers."""
    config.addinivalue_line(
        "markers", "fake_batch(*arguments): command-line arguments of the fake Azure Batch of this test"
    )


@pytest.fixture
def fake_batch(request: pytest.FixtureRequest) -> Iterator[FakeBatchProcess]:
    """Start a fake Azure Batch, and stop it when the test ends."""
    from fakebatch.testing import FakeBatchProcess

    marker = request.node.get_closest_marker("fake_batch")
    with FakeBatchProcess(*(_ARGUMENTS if marker is None else marker.args)) as service:
        yield service
