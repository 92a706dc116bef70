"""Local time follows TZ, and timers go by it as in .NET."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from functions_host.local_time import is_ambiguous, to_local, year_one
from functions_host.timer_schedule import END_OF_TIME, parse_schedule

InZone = Callable[[str], None]


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[InZone]:
    """Set the time zone of this process for one test."""
    with monkeypatch.context() as context:

        def change(zone: str) -> None:
            context.setenv("TZ", zone)
            time.tzset()

        yield change
    time.tzset()


def occurrences(expression: str, after: str, count: int) -> list[str]:
    schedule, moment = parse_schedule(expression), datetime.fromisoformat(after)
    found = []
    for _ in range(count):
        moment = schedule.next_after(moment)
        found.append(moment.isoformat())
    return found


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "0001-01-01T00:00:00+00:00"),
        ("America/New_York", "0001-01-01T00:00:00-04:57"),
        ("Europe/Berlin", "0001-01-01T00:54:00+00:54"),
        ("Asia/Kolkata", "0001-01-01T05:53:00+05:53"),
    ],
)
def test_a_moment_that_never_was_has_the_offset_of_the_distant_past(
    in_zone: InZone, zone: str, expected: str
) -> None:
    in_zone(zone)
    assert year_one().isoformat() == expected


def test_a_moment_without_a_zone_is_local(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert to_local(datetime(2024, 6, 1, 12)).isoformat() == "2024-06-01T12:00:00-04:00"


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
def test_the_ends_of_time_have_a_zone_too(in_zone: InZone, moment: datetime) -> None:
    in_zone("Europe/Berlin")
    assert to_local(moment).tzinfo is not None
    assert to_local(moment.replace(tzinfo=UTC)).tzinfo is not None


def test_an_hour_is_ambiguous_when_clocks_are_put_back(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert is_ambiguous(datetime(2024, 11, 3, 1, 30))
    assert not is_ambiguous(datetime(2024, 11, 3, 2))
    assert not is_ambiguous(datetime(2024, 3, 10, 2, 30))


def test_the_hours_of_a_schedule_are_local(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert occurrences("0 30 9 * * *", "2024-06-01T12:00:00+00:00", 2) == [
        "2024-06-01T09:30:00-04:00",
        "2024-06-02T09:30:00-04:00",
    ]


def test_a_point_in_time_fires_once_when_clocks_are_put_back(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert occurrences("0 30 1 * * *", "2024-11-02T12:00:00-04:00", 2) == [
        "2024-11-03T01:30:00-04:00",
        "2024-11-04T01:30:00-05:00",
    ]
    # Started between the two, it has run already.
    assert occurrences("0 30 1 * * *", "2024-11-03T01:10:00-05:00", 1) == ["2024-11-04T01:30:00-05:00"]


def test_an_interval_goes_on_when_clocks_are_put_back(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert occurrences("0 */30 * * * *", "2024-11-03T00:30:00-04:00", 5) == [
        "2024-11-03T01:00:00-04:00",
        "2024-11-03T01:30:00-04:00",
        "2024-11-03T01:00:00-05:00",
        "2024-11-03T01:30:00-05:00",
        "2024-11-03T02:00:00-05:00",
    ]


def test_a_time_that_clocks_skip_comes_after_the_gap(in_zone: InZone) -> None:
    in_zone("America/New_York")
    assert occurrences("0 30 2 * * *", "2024-03-09T12:00:00-05:00", 2) == [
        "2024-03-10T03:30:00-04:00",
        "2024-03-11T02:30:00-04:00",
    ]


def test_a_constant_interval_is_not_changed_by_clocks(in_zone: InZone) -> None:
    in_zone("America/New_York")
    start = datetime.fromisoformat("2024-11-03T01:30:00-04:00")
    assert parse_schedule("01:00:00").next_after(start) - start == timedelta(hours=1)


@pytest.mark.parametrize("expression", ["0 0 0 30 2 *", "0 0 0 1 1 *"])
def test_a_schedule_without_another_occurrence_is_due_at_the_end_of_time(expression: str) -> None:
    assert parse_schedule(expression).next_after(datetime(9999, 12, 1, tzinfo=UTC)) == END_OF_TIME
