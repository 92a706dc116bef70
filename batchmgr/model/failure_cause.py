"""Why a task has failed, in words that are the same for all tasks with the same bug."""

import re

import msgspec

from batchmgr.model.batch_snapshots import EXIT_CODE, TaskError
from batchmgr.model.normal_message import normal_message
from batchmgr.model.size_limits import MESSAGE, NAME, STDERR, TRACEBACK, cut_fields

MARK = "Traceback (most recent call last)"
_EXCEPTION = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?::\s(?P<message>.*)|:?)")
_ERROR = re.compile(r"(?P<type>[A-Za-z_][\w.]*(?:Error|Exception))(?::\s(?P<message>.*)|:?)")
_EXIT_CODE = re.compile(r"exit code -?\d+(?:: )?")


class Cause(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The cause of a failure: the type of the exception, or Azure Batch's code, and a normal message.

    `traceback` and `stderr` are those of one task that has failed for this reason.
    """

    type: str
    message: str
    category: str = ""
    traceback: str = ""
    stderr: str = ""

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"type": NAME, "message": MESSAGE, "category": NAME}, DETAILS)

    @property
    def key(self) -> tuple[str, str, str]:
        """What two failures for the same reason have in common."""
        return self.type, self.category, self.message

    def without_details(self) -> "Cause":
        """Return the cause without its traceback and stderr."""
        return msgspec.structs.replace(self, traceback="", stderr="")


DETAILS = {"traceback": TRACEBACK, "stderr": STDERR}


def cause_of(error: TaskError | None, exit_code: int | None) -> Cause:
    """Return the cause of a failure of which this is known.

    Of a program that has only ended with an exit code, stderr tells: the exception of a Python program, or
    else the last line.

    >>> lost = TaskError(type=EXIT_CODE, message="exit code 3: chunk 7 is lost")
    >>> cause_of(lost, 3).message, cause_of(None, 3).message
    ('exit code 3: chunk <n> is lost', 'exit code 3')
    """
    if error is None:
        return Cause(type=EXIT_CODE, message=f"exit code {exit_code}")
    if error.type != EXIT_CODE:
        message = normal_message(error.message)
        return Cause(
            type=error.type,
            message=message,
            category=error.category,
            traceback=error.traceback,
            stderr=error.stderr,
        )
    said = _EXIT_CODE.sub("", error.message, count=1) if _EXIT_CODE.match(error.message) else ""
    type_, message, traceback = _exception(error.stderr or said)
    if not type_:
        told = normal_message(_last_line(error.stderr) or said)
        message = f"exit code {exit_code}" + (f": {told}" if told else "")
    return Cause(
        type=type_ or EXIT_CODE,
        message=message,
        category=error.category,
        traceback=traceback,
        stderr=error.stderr,
    )


def _exception(text: str) -> tuple[str, str, str]:
    """Return the type, the normal message and the traceback of the last exception in a text, or nothing."""
    _, mark, after = text.rpartition(MARK)
    if mark:
        lines = after.splitlines()[1:]
        line = next((line for line in lines if line.strip() and not line[0].isspace()), "")
        match = _EXCEPTION.fullmatch(line.rstrip())
        traceback = mark + after
    else:  # the end of a long traceback, or of a program that prints no more than this
        match, traceback = _ERROR.fullmatch(_last_line(text)), ""
    if match is None:
        return "", "", ""
    return match["type"].rpartition(".")[2], normal_message(match["message"] or ""), traceback


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
