"""TimeSpans are parsed as in .NET."""

from datetime import timedelta

import pytest

from functions_host.timespan import parse_timespan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:10:00", timedelta(minutes=10)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("01:30", timedelta(hours=1, minutes=30)),
        ("7", timedelta(days=7)),
    ],
)
def test_timespans_are_read_as_dotnet_does(text: str, expected: timedelta) -> None:
    assert parse_timespan(text) == expected


@pytest.mark.parametrize("text", ["", "24:00:00", "00:60:00", "1:2:3:4", "abc", "-00:01:00"])
def test_other_text_is_no_timespan(text: str) -> None:
    with pytest.raises(ValueError, match="not a TimeSpan"):
        parse_timespan(text)
