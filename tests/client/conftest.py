from collections.abc import Iterator

import pytest

from tests.client.stand_in_app import StandInApp, stand_in_app


@pytest.fixture
def app() -> Iterator[StandInApp]:
    with stand_in_app() as started:
        yield started
