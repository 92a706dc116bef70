"""What a process remembers of the logs that it writes: stretches without gaps, and no more than so much."""

from batchmgr.adapters.recent_event_ids import RecentEventIds


def test_stretches_that_follow_each_other_are_one() -> None:
    recent = RecentEventIds()
    recent.add("j", 10, 20, ["a", "b"])
    recent.add("j", 20, 30, ["c"])
    assert recent.between("j", 10, 30) == {"a", "b", "c"}
    assert recent.between("j", 10, 20) == {"a", "b"}


def test_what_is_before_is_forgotten() -> None:
    recent = RecentEventIds()
    recent.add("j", 10, 20, ["a", "b"])
    recent.add("j", 20, 30, ["c"])
    assert recent.between("j", 20, 30) == {"c"}
    assert recent.between("j", 10, 30) is None


def test_what_begins_or_ends_within_a_block_is_not_known() -> None:
    recent = RecentEventIds()
    recent.add("j", 10, 20, ["a", "b"])
    assert recent.between("j", 10, 15) is None
    assert recent.between("j", 15, 20) is None
    assert recent.between("j", 10, 20) == {"a", "b"}


def test_a_gap_is_not_bridged() -> None:
    recent = RecentEventIds()
    recent.add("j", 10, 20, ["a"])
    recent.add("j", 25, 30, ["c"])
    assert recent.between("j", 10, 30) is None
    assert recent.between("j", 25, 30) == {"c"}
    assert recent.between("j", 25, 31) is None
    assert recent.between("other", 25, 30) is None


def test_the_job_that_was_used_least_recently_is_forgotten_first() -> None:
    recent = RecentEventIds(most=4)
    recent.add("one", 0, 2, ["a", "b"])
    recent.add("two", 0, 2, ["a", "b"])
    assert recent.between("one", 0, 2) == {"a", "b"}
    recent.add("three", 0, 1, ["a"])
    assert recent.between("two", 0, 2) is None
    assert recent.between("one", 0, 2) == {"a", "b"}
    recent.add("large", 0, 9, [str(n) for n in range(9)])
    assert recent.between("large", 0, 9) is None
