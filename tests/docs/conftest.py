"""These tests run on a virtual clock: pauses and latencies cost no time."""

from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories() -> dict[str, type[VirtualTimeLoop]]:
    """Let each test have an event loop whose time is virtual."""
    return {"virtual": VirtualTimeLoop}
