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
        b'{"type": "KeyError", "message": "\\ud800"}',
        b'{"type": "KeyError", "message": "\xff"}',
        b"[" * 16_000,
    ],
)
def test_a_damaged_or_foreign_file_is_no_report(content: bytes) -> None:
    assert TaskErrorReport.from_json(content) is None
