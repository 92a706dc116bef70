"""The error report of a task: what a node writes is what the control plane reads."""

import json

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.workload.task_error_report import TaskErrorReport


def raised() -> TaskErrorReport:
    try:
        raise InvalidJobError("must be 1 to 100, not 0", field="inputs.chunks")
    except InvalidJobError as error:
        return TaskErrorReport.of(error)


def test_a_report_is_read_as_it_was_written() -> None:
    report = raised()
    assert (report.kind, report.field) == ("input", "inputs.chunks")
    assert TaskErrorReport.from_json(json.dumps(report.to_dict()).encode()) == report


def test_a_report_of_a_newer_version_may_have_other_fields() -> None:
    report = TaskErrorReport.from_json(b'{"type": "KeyError", "message": "k", "notes": ["x"]}')
    assert report == TaskErrorReport(type="KeyError", message="k")


@pytest.mark.parametrize("part", [b"\\ud800", b"\xff"])
def test_what_is_no_text_becomes_a_question_mark(part: bytes) -> None:
    report = TaskErrorReport.from_json(b'\xef\xbb\xbf{"type": "KeyError", "message": "a%sb"}' % part)
    assert report is not None
    assert report.message in {"a?b", "a\ufffdb"}


def test_each_part_of_a_report_is_cut_by_itself_by_the_writer_and_by_the_reader() -> None:
    whole = TaskErrorReport(
        type="T" * 10**5, message="m" * 10**5, traceback="t" * 10**5 + "end", kind="input", field="f" * 10**5
    )
    read = TaskErrorReport.from_json(json.dumps(whole.to_dict()).encode())
    assert read is not None
    lengths = [len(text.encode()) for text in (read.type, read.message, read.traceback, read.field)]
    assert lengths == [200, 2000, 4000, 200]
    assert read.traceback.endswith("tend")
    assert read.kind == "input"
    try:
        raise type("E" * 10**5, (ValueError,), {})("m" * 10**6 + "\ud800")
    except ValueError as error:
        written = TaskErrorReport.of(error)
    assert len(json.dumps(written.to_dict())) < 8000
    assert "[cut from 1000001 characters]" in written.message


def test_an_exception_that_cannot_be_shown_is_reported_all_the_same() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise KeyError("no message")

    report = TaskErrorReport.of(OddError())
    assert (report.type, report.message) == ("OddError", "its message can't be shown (KeyError)")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"type": "KeyError", "mess',
        b"[]",
        b'["type", "message"]',
        b'"type message"',
        b"7",
        b"null",
        b'{"message": "k"}',
        b'{"type": "KeyError"}',
        b'{"type": "KeyError", "message": null}',
        b'{"type": "KeyError", "message": "k", "kind": 3}',
        b"[" * 16_000,
    ],
)
def test_a_damaged_or_foreign_file_is_no_report(content: bytes) -> None:
    assert TaskErrorReport.from_json(content) is None
