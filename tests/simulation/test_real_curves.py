"""What really happened, over time."""

from hypothesis import example, given
from hypothesis import strategies as st

from batchmgr.simulation.real_curves import Run, real_curves


@example([14429.716])  # times 240, and by 240, it is a little less
@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5))
def test_at_the_last_end_all_tasks_have_ended(ends: list[float]) -> None:
    curves = real_curves([Run(task=n, node=0, start=0.0, end=end) for n, end in enumerate(ends)])
    assert curves.ended[-1] == len(ends)
    assert list(curves.seconds) == sorted(curves.seconds)
    assert curves.busy[-1] == 0
