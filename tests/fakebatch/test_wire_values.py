"""Times, durations and JSON text in the format of Azure Batch."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.wire import durations, timestamps
from fakebatch.wire.json_text import to_json_text

# Pairs of lastModified and eTag that the live service gave.
_RECORDED_TAGS = [
    ("2026-02-03T01:09:17.8000708Z", "0x8DE62C0DAD7B144"),
    ("2025-09-04T20:53:25.6793104Z", "0x8DDEBF517E3B810"),
    ("2020-11-24T02:08:23.3809939Z", "0x8D8901DD28CA813"),
]
_RECORDED_DURATIONS = [
    ("P3Y6M4DT12H30M5S", "P1279DT12H30M5S"),
    ("PT60M", "PT1H"),
    ("P1D", "P1D"),
    ("PT0S", "PT0S"),
    ("PT36H", "P1DT12H"),
    ("PT0.5S", "PT0.5S"),
    ("P10675199DT2H48M5.4775807S", "P10675199DT2H48M5.4775807S"),
]
_MOMENTS = st.integers(
    min_value=timestamps.from_iso("1990-01-01T00:00:00Z"),
    max_value=timestamps.from_iso("2100-01-01T00:00:00Z"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(("modified", "tag"), _RECORDED_TAGS)
def test_the_entity_tag_is_the_ticks_of_the_last_modification(modified: str, tag: str) -> None:
    assert timestamps.etag(timestamps.from_iso(modified)) == tag


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [
        ("2026-02-03T01:14:18.9590860Z", "2026-02-03T01:14:18.959086Z"),
        ("2026-02-03T01:14:18.0000000Z", "2026-02-03T01:14:18Z"),
        ("2026-02-03T03:14:18+02:00", "2026-02-03T01:14:18Z"),
        ("0049-11-01T04:24:17Z", "0049-11-01T04:24:17Z"),
    ],
)
def test_times_drop_trailing_zeros_and_offsets(text: str, trimmed: str) -> None:
    assert timestamps.to_iso(timestamps.from_iso(text)) == trimmed


@given(_MOMENTS)
def test_a_time_survives_its_text(moment: int) -> None:
    assert timestamps.from_iso(timestamps.to_iso(moment)) == moment


@given(_MOMENTS)
def test_an_http_date_is_the_time_without_its_fraction(moment: int) -> None:
    assert (
        timestamps.from_http_date(timestamps.to_http_date(moment)) == moment - moment % timestamps.PER_SECOND
    )


def test_ticks_count_from_the_year_one() -> None:
    since = datetime(2026, 2, 3, 1, 14, 18, tzinfo=UTC) - datetime(1, 1, 1, tzinfo=UTC)
    assert timestamps.from_iso("2026-02-03T01:14:18Z") == since // timedelta(microseconds=1) * 10


@pytest.mark.parametrize(("given_text", "shown"), _RECORDED_DURATIONS)
def test_durations_are_written_as_dotnet_does(given_text: str, shown: str) -> None:
    assert durations.render(durations.parse(given_text)) == shown


@given(st.integers(min_value=0, max_value=durations.INFINITE))
def test_a_duration_survives_its_text(length: int) -> None:
    assert durations.parse(durations.render(length)) == length


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT1", "P1H", "-PT1H", "PT1.12345678S"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        durations.parse(text)


@given(_JSON)
def test_rendered_json_means_what_it_should(value: Any) -> None:
    assert json.loads(to_json_text(value)) == value


def test_json_is_broken_inside_brackets_only() -> None:
    shown = to_json_text({"a": 1, "list": [{"b": True}, {"c": None}], "none": []})
    assert shown == (
        '{\r\n  "a":1,"list":[\r\n    {\r\n      "b":true\r\n    },{\r\n      "c":null\r\n    }\r\n  ],'
        '"none":[\r\n    \r\n  ]\r\n}'
    )
