"""Matching blob names against patterns."""

import pytest

from batchmgr.factories.blob_patterns import matches


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "raw/2024/a.csv", True),
        ("*.csv", "a.csv.gz", False),
        ("*.CSV", "a.csv", False),
        ("raw/*.csv", "raw/a.csv", True),
        ("raw/*.csv", "raw/2024/a.csv", False),
        ("raw/*.csv", "old/raw/a.csv", False),
        ("raw/**/*.csv", "raw/a.csv", True),
        ("raw/**/*.csv", "raw/2024/01/a.csv", True),
        ("**/a.csv", "a.csv", True),
        ("**/**/a.csv", "x/y/a.csv", True),
        ("raw/**", "raw/2024/a.csv", True),
        ("raw/**", "rawer/a.csv", False),
        ("frame[0-9]?.png", "out/frame07.png", True),
        ("frame[!0-9]*.png", "frame07.png", False),
        ("a+b(1).txt", "a+b(1).txt", True),
        ("*", ".hidden", True),
    ],
)
def test_a_pattern_matches_these_names(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_a_pattern_with_many_stars_is_not_slow() -> None:
    assert not matches("**/" * 50 + "*a" * 50 + "b", "x/" * 500 + "a" * 500)
