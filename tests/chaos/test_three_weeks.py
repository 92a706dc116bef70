"""What is stored rises until the first things are due, and then stays level."""

from datetime import timedelta
from itertools import pairwise

from batchmgr.model.retention import Retention
from tests.chaos.three_weeks import KEEP, three_weeks


async def test_after_the_longest_time_nothing_grows() -> None:
    rows = await three_weeks(jobs_a_day=10)
    assert KEEP.jobs == timedelta(days=7)
    assert KEEP.batch_jobs == timedelta(days=2)
    level = rows[8:]
    for name in ("blobs", "messages", "batchJobs"):
        assert rows[0][name] < max(row[name] for row in level)
        assert len({row[name] for row in level}) == 1, name


async def test_without_an_end_everything_grows() -> None:
    keep = Retention(batch_jobs=None, jobs=None, messages=timedelta(days=36500))
    rows = await three_weeks(jobs_a_day=10, days=5, keep=keep)
    for name in ("blobs", "messages", "batchJobs"):
        assert all(before[name] < after[name] for before, after in pairwise(rows)), name
