"""The status of a timer is parsed as in .NET, and shows what a timer starts with."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions_host.timer_schedule import parse_schedule
from functions_host.timer_status import ScheduleStatus, parse_status, status_at_start

NOW = datetime(2024, 6, 1, 12, 0, 30, tzinfo=UTC)

HOURLY = parse_schedule("0 0 * * * *")
MOMENT = datetime(2024, 6, 1, 12, tzinfo=UTC)


def parsed(**values: object) -> ScheduleStatus | None:
    return parse_status(json.dumps(values).encode())


def test_a_timer_without_a_status_is_due_at_its_next_occurrence() -> None:
    status = status_at_start(None, HOURLY, NOW)
    assert status == ScheduleStatus(next=NOW.replace(hour=13, minute=0, second=0), last_updated=NOW)


def test_a_status_that_fits_the_schedule_is_kept_even_when_it_is_past_due() -> None:
    stored = ScheduleStatus(
        last=NOW - timedelta(hours=5), next=NOW.replace(hour=8, minute=0, second=0), last_updated=NOW
    )
    assert status_at_start(stored, HOURLY, NOW) is stored


def test_a_changed_schedule_is_not_past_due() -> None:
    stored = ScheduleStatus(
        last=NOW - timedelta(days=5), next=NOW - timedelta(days=4), last_updated=NOW - timedelta(days=5)
    )
    status = status_at_start(stored, HOURLY, NOW)
    assert status == ScheduleStatus(next=NOW.replace(hour=13, minute=0, second=0), last_updated=NOW)


@pytest.mark.parametrize("other", [NOW + timedelta(days=200), NOW.replace(year=9999), NOW.replace(year=3)])
def test_a_next_occurrence_of_another_schedule_is_calculated_again(other: datetime) -> None:
    stored = ScheduleStatus(last=NOW - timedelta(minutes=20), next=other, last_updated=NOW)
    status = status_at_start(stored, HOURLY, NOW)
    assert status == ScheduleStatus(next=NOW.replace(hour=13, minute=0, second=0), last_updated=NOW)


def test_a_status_that_never_ran_and_was_never_updated_counts_from_now() -> None:
    status = status_at_start(ScheduleStatus(next=None), HOURLY, NOW)
    assert status == ScheduleStatus(next=NOW.replace(hour=13, minute=0, second=0), last_updated=NOW)


@pytest.mark.parametrize("content", [b"", b" \n", b"null", b"\xef\xbb\xbfnull"])
def test_nothing_counts_as_no_status(content: bytes) -> None:
    assert parse_status(content) is None


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-01T12:00:00+00:00",
        "2024-06-01T12:00:00Z",
        "2024-06-01T14:00:00+02:00",
        "2024-06-01T12:00:00.0000000+00:00",
        "2024-06-01T12:00:00",
        "2024-06-01 12:00:00",
        "06/01/2024 12:00:00",
        "Sat, 01 Jun 2024 12:00:00 GMT",
    ],
)
def test_moments_are_accepted_in_many_forms(text: str) -> None:
    status = parsed(Last=text, Next=text, LastUpdated=text)
    assert status == ScheduleStatus(last=MOMENT, next=MOMENT, last_updated=MOMENT)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:54:00+00:54"])
def test_the_year_one_means_never(text: str) -> None:
    assert parsed(Last=text, Next=text, LastUpdated=text) == ScheduleStatus(next=None)


def test_names_in_another_case_missing_ones_and_more_are_accepted() -> None:
    assert parsed(next="2024-06-01T12:00:00Z", Other=1) == ScheduleStatus(next=MOMENT)
    assert parsed() == ScheduleStatus(next=None)


def test_what_follows_the_json_is_ignored() -> None:
    assert parse_status(b'{"Next": "2024-06-01T12:00:00Z"} and more') == ScheduleStatus(next=MOMENT)


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON",
        b"{",
        b"[]",
        b'"text"',
        b"17",
        b"true",
        b"\xff\xfe",
        b'{"Next": null}',
        b'{"Next": 17}',
        b'{"Next": true}',
        b'{"Next": {}}',
        b'{"Next": ""}',
        b'{"Next": "tomorrow"}',
        b'{"Next": "2024-13-01T00:00:00Z"}',
    ],
)
def test_anything_else_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_status(content)


@given(st.binary())
def test_no_content_raises_anything_but_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        parse_status(content)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_can_be_stored_and_gives_a_start(moment: datetime) -> None:
    stored = ScheduleStatus(last=moment, next=moment, last_updated=moment)
    loaded = parse_status(json.dumps(stored.to_json()).encode())
    assert loaded is not None
    assert loaded == (stored if moment.year > 1 else ScheduleStatus(next=None))
    assert status_at_start(loaded, HOURLY, NOW).next is not None
