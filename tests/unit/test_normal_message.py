"""One bug has one message, whichever task has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.normal_message import MAX_MESSAGE, normal_message

SAME = {
    "[Errno <n>] No such file or directory: <value>": (
        "[Errno 2] No such file or directory: '/mnt/batch/tasks/workitems/j/job-1/17/wd/a.csv'",
        "[Errno 2] No such file or directory: 'b.csv'",
    ),
    "could not convert string to float: <value>": (
        "could not convert string to float: 'NA'",
        'could not convert string to float: "it\'s"',
    ),
    "can't open file <value>: [Errno <n>] Permission denied": (
        "can't open file '/x y/z.py': [Errno 13] Permission denied",
    ),
    "operands could not be broadcast together with shapes (<n>) (<n>)": (
        "operands could not be broadcast together with shapes (3,4) (5,4)",
        "operands could not be broadcast together with shapes (3,4,5) (1,)".replace("1,", "1"),
    ),
    "Max retries exceeded with url: <path> (Caused by <value>)": (
        "Max retries exceeded with url: /job-1/x?sig=abc%2F (Caused by 'refused')",
        "Max retries exceeded with url: /job-2/y/z (Caused by 'reset')",
    ),
    "GET <url> failed with <n>": (
        "GET https://a.example/b?c=1 failed with 503",
        "GET http://b/ failed with 429",
    ),
    "sample SRR<n>: <n> reads": ("sample SRR1234567: 12 reads", "sample SRR7: 1,200 reads"),
    "request <id> failed": (
        "request 4bf92f3577b34da6a3ce929d0e0e4736 failed",
        "request 0af76519-16cd-43dd-8448-eb211c80319c failed",
        "request 01KB2M4QWERTYZXCVBNM123456 failed",
    ),
    "<time> node tvmps_<id>_d is full": (
        "2026-11-28T10:00:01.5Z node tvmps_fa97c3d2e1_d is full",
        "2026-01-02 10:00:01 node tvmps_0123456789abcdef_d is full",
    ),
    "at <n>: bad": ("at 0x7f3a9c: bad", "at 0xDEADBEEF: bad", "at -17.5e-3: bad"),
    "<path> is empty": ("part-0042.tsv is empty", "data/17.csv is empty", "C:\\temp\\x1.txt is empty"),
    "Segmentation fault (core dumped)": ("Segmentation fault (core dumped)",),
    "chunk <n>": ("chunk 7\nand more", "\n\n  chunk 12  "),
    "": ("", "\n \n"),
}


@pytest.mark.parametrize(("text", "message"), [(one, whole) for whole, some in SAME.items() for one in some])
def test_what_differs_from_task_to_task_is_left_out(text: str, message: str) -> None:
    assert normal_message(text) == message


def test_what_says_what_is_wrong_stays() -> None:
    different = ("disk full", "no memory", "KeyError in chunk 1", "ValueError in chunk 1", "<n> of chunk")
    assert len({normal_message(text) for text in different}) == len(different)


PIECES = (
    *(
        "'",
        '"',
        "`",
        "/",
        "\\",
        "a",
        "x1",
        "12",
        "0x1f",
        "deadbeef99",
        ".",
        ",",
        " ",
        "://",
        "<n>",
        "<",
        ">",
        "-",
    ),
    *("e5", "\n", "2026-11-28", "T10:00", "?", "=", "…", "b'", "a.csv", "_", "٣"),
)
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(TEXTS | TEXTS.map(lambda text: text * 20))
def test_a_normal_message_is_normal(text: str) -> None:
    once = normal_message(text)
    assert normal_message(once) == once
    assert len(once) <= MAX_MESSAGE
    assert "\n" not in once


@given(st.integers(), st.integers(0), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_make_no_difference(first: int, second: int, third: float) -> None:
    assert normal_message(f"row {first} of {second}: {third} is bad") == "row <n> of <n>: <n> is bad"
