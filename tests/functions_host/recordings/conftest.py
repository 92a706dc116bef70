"""The replays of the scenarios whose tests were chosen."""

from collections.abc import Callable

import pytest

from tests.functions_host.recordings.rounds import Outcome, play_round


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest,
    azurite_accounts: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Outcome]:
    """What differs, by scenario. All scenarios whose tests are to run are played together."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["recording"]) for item in items if "outcomes" in item.fixturenames]
    return play_round(names, azurite_accounts, tmp_path_factory.mktemp("recordings"))
