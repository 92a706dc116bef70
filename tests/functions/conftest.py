"""The app with its handlers, on a world without Azure."""

import pytest

from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World) -> dict[str, Handler]:
    """The functions, on a world of fakes."""
    return handlers(ReadyRuntime(world.ports))
