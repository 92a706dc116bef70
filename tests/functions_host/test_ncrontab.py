"""NCRONTAB expressions give the same occurrences as in the real host."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions_host.ncrontab import Ncrontab


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 */5 * * * *", "2024-01-01T00:00:00", "2024-01-01T00:05:00"),
        ("*/5 * * * *", "2024-01-01T00:00:00", "2024-01-01T00:05:00"),
        ("*/2 * * * * *", "2024-01-01T00:00:00.500", "2024-01-01T00:00:02"),
        ("0 0 * * * *", "2024-01-01T23:59:59", "2024-01-02T00:00:00"),
        ("0 30 9 * * 1-5", "2024-01-05T09:30:00", "2024-01-08T09:30:00"),
        ("0 30 9 * * Mon-Fri", "2024-01-05T09:30:00", "2024-01-08T09:30:00"),
        ("0 0 0 * * 0", "2024-01-01T00:00:00", "2024-01-07T00:00:00"),
        ("0 0 0 1 Jan *", "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
        ("0 0 0 29 2 *", "2024-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 5/20 * * * *", "2024-01-01T00:06:00", "2024-01-01T00:25:00"),
        ("0 5/20 * * * *", "2024-01-01T00:45:00", "2024-01-01T01:05:00"),
        ("0 0,30 8-10/2 * * *", "2024-01-01T08:30:00", "2024-01-01T10:00:00"),
        # Both day fields must match: the first 13th of the month that is a Friday.
        ("0 0 0 13 * 5", "2024-01-01T00:00:00", "2024-09-13T00:00:00"),
    ],
)
def test_the_next_occurrence(expression: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert Ncrontab.parse(expression).next_after(moment) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * * * * 7",
        "* * * 0 * *",
        "*/0 * * * * *",
        "5-1 * * * *",
    ]
    + [f"0 0 0 {day} * *" for day in ("?", "L", "15W")]
    + ["0 0 0 * * 1#2"],
)
def test_what_ncrontab_does_not_know_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Ncrontab.parse(expression)


def test_a_date_that_never_comes_is_an_error() -> None:
    with pytest.raises(ValueError, match="no next occurrence"):
        Ncrontab.parse("0 0 0 30 2 *").next_after(datetime(2024, 1, 1, tzinfo=UTC))


def fields(first: int, last: int) -> st.SearchStrategy[str]:
    number = st.integers(first, last)
    ranges = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.tuples(st.one_of(st.just("*"), number.map(str), ranges), st.integers(1, 30)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    return st.lists(st.one_of(st.just("*"), number.map(str), ranges, steps), min_size=1, max_size=3).map(
        ",".join
    )


EXPRESSIONS = st.tuples(
    fields(0, 59), fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6)
).map(" ".join)

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))


def matches(schedule: Ncrontab, moment: datetime) -> bool:
    return (
        moment.second in schedule.seconds
        and moment.minute in schedule.minutes
        and moment.hour in schedule.hours
        and moment.day in schedule.days
        and moment.month in schedule.months
        and moment.isoweekday() % 7 in schedule.weekdays
    )


@given(EXPRESSIONS, MOMENTS)
def test_an_occurrence_is_later_and_matches_every_field(expression: str, moment: datetime) -> None:
    schedule = Ncrontab.parse(expression)
    following = schedule.next_after(moment)
    assert following > moment
    assert following.microsecond == 0
    assert matches(schedule, following)


@given(EXPRESSIONS, MOMENTS)
def test_no_second_before_an_occurrence_matches(expression: str, moment: datetime) -> None:
    schedule = Ncrontab.parse(expression)
    following = schedule.next_after(moment)
    # All the seconds of up to a minute before it, which find a field that was skipped.
    span = min(60, int((following - moment).total_seconds()))
    assert not any(
        matches(schedule, following - timedelta(seconds=back))
        for back in range(1, span + 1)
        if following - timedelta(seconds=back) > moment
    )


@given(EXPRESSIONS, MOMENTS)
def test_an_occurrence_is_the_next_of_the_second_before_it(expression: str, moment: datetime) -> None:
    schedule = Ncrontab.parse(expression)
    following = schedule.next_after(moment)
    assert schedule.next_after(following - timedelta(seconds=1)) == following
