"""The embedded host's listeners do what Microsoft's were recorded to do, but for what
differences.toml lists.
"""

from collections.abc import Callable

import pytest

from tests.functions_host.recordings.rounds import (
    RECORDINGS,
    Outcome,
    is_expected,
    listed_differences,
    play_round,
)
from tests.functions_host.recordings.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest,
    azurite_accounts: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Outcome]:
    """What differs, by scenario. All scenarios whose tests are to run are played at the same time."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["recording"]) for item in items if "outcomes" in item.fixturenames]
    return play_round(names, azurite_accounts, tmp_path_factory.mktemp("recordings"))


ALWAYS = {
    *("blob-existing", "blob-overwritten", "blob-poison"),
    *("queue-batches", "queue-killed", "queue-output", "queue-poison", "queue-success", "queue-two-hosts"),
}
"""One scenario of each kind, without long waits. `make host-recordings` plays the others."""


def _parameters() -> list[object]:
    others = [pytest.mark.host_recordings]
    return [pytest.param(name, marks=[] if name in ALWAYS else others, id=name) for name in sorted(SCENARIOS)]


@pytest.mark.parametrize("recording", _parameters())
def test_a_recorded_scenario(recording: str, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[recording]
    if isinstance(outcome, Exception):
        raise outcome
    found = "\n".join(map(str, outcome)) or "nothing differs"
    listed = listed_differences().get(recording, "nothing")
    message = f"{recording}: differences.toml lists {listed}; found ('-' is the recording):\n{found}"
    assert is_expected(recording, outcome), message


def test_each_recording_has_a_scenario() -> None:
    assert set(SCENARIOS) >= ALWAYS
    assert set(SCENARIOS) == {path.stem for path in RECORDINGS.glob("*.json")}


def test_what_differs_is_listed_under_the_name_of_a_recording() -> None:
    assert set(listed_differences()) <= set(SCENARIOS)
