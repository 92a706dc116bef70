"""Timer schedules are NCRONTAB expressions or TimeSpans."""

from datetime import timedelta

import pytest

from functions_host.errors import ConfigurationError
from functions_host.timer_schedule import ConstantSchedule, parse_schedule


def test_what_is_not_cron_is_a_timespan() -> None:
    assert parse_schedule("00:00:30") == ConstantSchedule(timedelta(seconds=30))
    with pytest.raises(ConfigurationError, match="neither"):
        parse_schedule("every day")
    with pytest.raises(ConfigurationError, match="interval of zero"):
        parse_schedule("00:00:00")


@pytest.mark.parametrize(
    ("text", "sub_minute"),
    [
        ("*/10 * * * * *", True),
        ("0 * * * * *", False),
        ("*/10 0 * * * *", False),
        ("00:00:59", True),
        ("00:01:00", False),
    ],
)
def test_only_schedules_within_the_minute_have_no_monitor(text: str, sub_minute: bool) -> None:
    assert parse_schedule(text).is_sub_minute is sub_minute
