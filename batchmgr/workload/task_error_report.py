"""The error report of a failed task: nodes write it as `batchmgr-error.json`, the control plane reads it."""

from __future__ import annotations

import errno
import json
import traceback
from dataclasses import asdict, fields

from batchmgr.errors import (
    InvalidInputError,
    InvalidJobError,
    ManifestError,
    RetryableTaskError,
    UnknownTaskTypeError,
)
from batchmgr.plan.cut_text import cut, cut_front
from batchmgr.plan.frozen_dataclass import frozen_dataclass

ERROR = "error"
"""The kind of a failure of the task's own code."""

INPUT = "input"
"""The kind of a failure caused by input that cannot be used."""

INFRASTRUCTURE = "infrastructure"
"""The kind of a failure of the node, or of a node with another version of the workload."""

RETRYABLE = "retryable"
"""The kind of a failure after which the task may succeed when it is run again."""

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 4_000
MAX_FIELD = 200
"""How many bytes of JSON each text takes. The type's name is cut like the field."""

MAX_TRACEBACK_LINES = 20

_NODE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM})


@frozen_dataclass
class TaskErrorReport:
    """Why a task failed, in its own words.

    `type` is the name of the exception's class. `traceback` is the end of the traceback, 20 lines at most.
    `kind` is `error`, `input`, `infrastructure` or `retryable`. `field` is the field of the job message that
    the error is about, or empty.

    >>> report = TaskErrorReport.of(InvalidInputError("genome.fa is empty"))
    >>> report.type, report.message, report.kind
    ('InvalidInputError', 'genome.fa is empty', 'input')
    """

    type: str
    message: str
    traceback: str = ""
    kind: str = ERROR
    field: str = ""

    @classmethod
    def of(cls, error: BaseException) -> TaskErrorReport:
        """Return the report of an exception that ended a task."""
        return _cut(
            cls(
                type=type(error).__name__,
                message=_text(error),
                traceback="".join(_lines(error)[-MAX_TRACEBACK_LINES:]),
                kind=_kind(error),
                field=error.field if isinstance(error, InvalidJobError) else "",
            )
        )

    def to_dict(self) -> dict[str, str]:
        """Return the JSON object that describes the error."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: bytes) -> TaskErrorReport | None:
        """Read the content of an error file. Return None if it is damaged or is not a report.

        The file comes from a node, where any program may have written it. Bytes that are not UTF-8 become
        question marks, each text is cut by itself, and unknown fields are ignored.
        """
        try:
            found = json.loads(content.decode("utf-8-sig", errors="replace"))
            names = [field.name for field in fields(cls)]
            known = {name: found[name] for name in names if name in found}
            "".join(known.values())  # TypeError: not all are texts
            return _cut(cls(**known))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None


def _cut(report: TaskErrorReport) -> TaskErrorReport:
    """Return the report with each of its texts cut by itself."""
    return TaskErrorReport(
        type=cut(report.type, MAX_FIELD),
        message=cut(report.message, MAX_MESSAGE),
        traceback=cut_front(report.traceback, MAX_TRACEBACK),
        kind=cut(report.kind, MAX_FIELD),
        field=cut(report.field, MAX_FIELD),
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as exception:  # old code: an exception whose own __str__ fails
        return f"its message can't be shown ({type(exception).__name__})"


def _lines(error: BaseException) -> list[str]:
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        text = "".join(traceback.format_tb(error.__traceback__))
    return text.splitlines(True)


def _kind(error: BaseException) -> str:
    if isinstance(error, (InvalidInputError, InvalidJobError)):
        return INPUT
    if isinstance(error, RetryableTaskError):
        return RETRYABLE
    if isinstance(error, (UnknownTaskTypeError, ManifestError, MemoryError)):
        return INFRASTRUCTURE
    if isinstance(error, OSError) and error.errno in _NODE_ERRNOS:
        return INFRASTRUCTURE
    return ERROR
