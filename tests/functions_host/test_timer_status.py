"""The status that a timer starts with."""

from datetime import UTC, datetime, timedelta

from functions_host.timer_schedule import parse_schedule
from functions_host.timer_status import ScheduleStatus, status_at_start

NOW = datetime(2024, 6, 1, 12, 0, 30, tzinfo=UTC)

HOURLY = parse_schedule("0 0 * * * *")


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
    assert status.next == NOW.replace(hour=13, minute=0, second=0)
