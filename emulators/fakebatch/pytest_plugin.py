"""A fixture with a local Batch service of its own for each test.

Enabled in a conftest.py by

    pytest_plugins = ["fakebatch.pytest_plugin"]

A test then asks for `fake_batch`. It has a pool `hpc` of two nodes that run four tasks each, unless the test
is marked with other arguments of the command:

    @pytest.mark.fake_batch("--pool", "big=50x4", "--executor", "simulated")
    def test_a_lost_answer_adds_no_task_twice(fake_batch: FakeBatchProcess) -> None:
        fake_batch.faults.add("cut", "create_task_collection", count=1)
        ...
"""

from collections.abc import Iterator

import pytest

from fakebatch.testing import FakeBatchProcess

_ARGUMENTS = ("--pool", "hpc=2x4")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "fake_batch(*arguments): the arguments of the local Batch service")


@pytest.fixture
def fake_batch(request: pytest.FixtureRequest) -> Iterator[FakeBatchProcess]:
    """A local Batch service that ends with the test."""
    marker = request.node.get_closest_marker("fake_batch")
    with FakeBatchProcess(*(_ARGUMENTS if marker is None else marker.args)) as service:
        yield service
