"""The back-off of a listener whose queue is empty."""

from hypothesis import given
from hypothesis import strategies as st

from functions_host.queue_polling import PollingBackoff, polling_delay

SPREADS = st.floats(-0.2, 0.2)


@given(st.integers(0, 10_000), SPREADS, st.floats(0.1, 60))
def test_a_pause_is_between_100_ms_and_the_longest(empty_polls: int, spread: float, longest: float) -> None:
    assert min(0.1, longest) <= polling_delay(empty_polls, longest=longest, spread=spread) <= longest


@given(st.integers(1, 20), SPREADS)
def test_the_growing_part_doubles_with_each_miss_within_a_fifth(empty_polls: int, spread: float) -> None:
    exact = 0.1 * 2 ** (empty_polls - 1)
    grown = polling_delay(empty_polls, longest=1e9, spread=spread) - 0.1
    assert 0.799 * exact <= grown <= 1.201 * exact


def test_work_makes_the_next_pause_short_again() -> None:
    backoff = PollingBackoff(longest=2)
    for _ in range(20):
        last = backoff.next_delay()
    assert last == 2
    backoff.reset()
    assert backoff.next_delay() == 0.1
