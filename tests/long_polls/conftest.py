"""These tests run on a virtual clock: to wait a minute costs no time."""

import pytest

from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.virtual_time import VirtualTimeLoop
from tests.world import World


def pytest_asyncio_loop_factories() -> dict[str, type[VirtualTimeLoop]]:
    """Let each test have an event loop whose time is virtual."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World) -> dict[str, Handler]:
    """The functions, on a world of fakes."""
    return handlers(ReadyRuntime(world.ports))
