"""Which bytes of a file are answered with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.byte_range import byte_range

CASES = {
    ("", 10): (0, 10),
    ("", 0): (0, 0),
    ("", 30): (0, 20),
    ("bytes=0-", 30): (0, 20),
    ("bytes=25-", 30): (25, 30),
    ("bytes=2-4", 10): (2, 5),
    ("bytes=2-999", 10): (2, 10),
    ("bytes=5-100", 200): (5, 25),
    ("bytes=-3", 10): (7, 10),
    ("bytes=-99", 10): (0, 10),
    ("bytes=-99", 200): (180, 200),
    ("bytes=10-", 10): None,
    ("bytes=0-", 0): None,
    ("bytes=-1", 0): (0, 0),
    ("bytes=-0", 0): None,
    ("bytes=-0", 10): None,
    ("bytes=4-2", 10): (0, 10),
    ("bytes=0-1,3-4", 10): (0, 10),
    ("lines=1-2", 10): (0, 10),
    ("bytes=-", 10): (0, 10),
    ("bytes=\u0661-\u0662", 10): (0, 10),
    ("bytes=" + "9" * 40 + "-", 10): (0, 10),
}


@pytest.mark.parametrize(("header", "size"), CASES)
def test_a_range_header_chooses_bytes_up_to_the_limit(header: str, size: int) -> None:
    found = byte_range(header, size, 20)
    assert (None if found is None else (found.start, found.end)) == CASES[header, size]


@given(
    st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True) | st.text(max_size=20),
    st.integers(0, 3000),
    st.integers(1, 500),
)
def test_whatever_is_asked_the_bytes_are_in_the_file_and_no_more_than_the_limit(
    header: str, size: int, most: int
) -> None:
    found = byte_range(header, size, most)
    if found is not None:
        assert 0 <= found.start <= found.end <= size
        assert found.end - found.start <= most
        assert found.start < found.end or size == 0


@given(st.integers(1, 3000), st.integers(1, 500))
def test_who_asks_for_the_rest_again_and_again_gets_each_byte_once(size: int, most: int) -> None:
    content, got = bytes(index % 251 for index in range(size)), b""
    while (found := byte_range(f"bytes={len(got)}-", size, most)) is not None:
        got += content[found.start : found.end]
    assert got == content
