"""When a job will have ended: by hand, and nothing where nothing can be known."""

from datetime import UTC, datetime, timedelta

import pytest

from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.time_left import time_left
from batchmgr.model.usage import KindUsage, Usage

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TEN_OF_A_MINUTE = Usage(
    kinds={"a": KindUsage(tasks=6, task_seconds=360), "b": KindUsage(tasks=4, task_seconds=240)}
)


def test_the_rest_takes_as_long_as_what_has_ended() -> None:
    left = time_left(TEN_OF_A_MINUTE, TaskCounts(active=16, running=8, completed=10), NOW)
    assert left is not None
    assert left.ends_at - NOW == timedelta(seconds=150)  # 2.5 rounds of a minute
    assert left.basis == "10 tasks took 60 s each; 8 run, 16 are to come"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (Usage(), TaskCounts(running=1)),
        (TEN_OF_A_MINUTE, TaskCounts(active=5)),
        (Usage(kinds={"a": KindUsage(tasks=2, task_seconds=10)}), TaskCounts(running=1)),
        (Usage(kinds={"a": KindUsage(tasks=9)}), TaskCounts(running=1)),
        (Usage(kinds={"a": KindUsage(tasks=9, task_seconds=9e9)}), TaskCounts(active=10**6, running=1)),
    ],
)
def test_nothing_is_said_if_it_cannot_be_known(usage: Usage, counts: TaskCounts) -> None:
    assert time_left(usage, counts, NOW) is None
