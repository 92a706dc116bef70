"""The embedded host's listeners do what Microsoft's were recorded to do, but for what
differences.toml lists.
"""

import pytest

from tests.functions_host.recordings.rounds import RECORDINGS, Outcome, is_expected, listed_differences
from tests.functions_host.recordings.scenarios import SCENARIOS


def _parameters() -> list[object]:
    slow = [pytest.mark.host_recordings]
    return [
        pytest.param(name, marks=slow if s.seconds else [], id=name) for name, s in sorted(SCENARIOS.items())
    ]


# One worker plays them all, at the same time.
@pytest.mark.xdist_group("recordings")
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
    assert set(SCENARIOS) == {path.stem for path in RECORDINGS.glob("*.json")}


def test_what_differs_is_listed_under_the_name_of_a_recording() -> None:
    assert set(listed_differences()) <= set(SCENARIOS)
