"""These tests run on a virtual clock: pauses and latencies cost no time."""

from collections.abc import Iterator

import pytest

from batchmgr.steps import observe_tasks
from batchmgr.usecases import finalize
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories() -> dict[str, type[VirtualTimeLoop]]:
    """Let each test have an event loop whose time is virtual."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(scope="module", params=["small", "large"])
def job_size(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the jobs of a module treated as small ones, and then as large ones: read and told in portions."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr(finalize, "READ_AT_ONCE", 1)
            patch.setattr(observe_tasks, "TASKS_AT_ONCE", 2)
        yield
