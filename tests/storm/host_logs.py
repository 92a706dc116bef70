"""What the logs of the hosts say about functions that failed, and about errors that batchmgr has caught."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"^(?=\[\d{4}-\d\d-\d\dT)", re.MULTILINE)
_FAILED = re.compile(r"Executed 'Functions\.(\w+)' \(Failed")
_CAUGHT = re.compile(r"\S+ could not be (?P<verb>polled|finalized|emptied)")
_BUSY = re.compile(r"could not be polled; the next poll tries again: (?P<reason>.+)")
"""A service was busy: then the reason is in the line, and there is no traceback."""

_ERROR = re.compile(r"^[ |+-]*(?:[a-z_]\w*\.)*(\w+(?:Error|Exception|ExceptionGroup)\b.*)$", re.MULTILINE)

_HOST_HAS_ENDED = "WorkerLostError"
_WILL_PASS = ("ServiceBusyError", "RecordChangedError")
_BACKGROUND = {
    *("submit_job", "deliver_callback", "finalize_job", "finalize_job_again", "poll_jobs"),
    *("polled", "finalized", "emptied"),
}
"""What may meet errors that will pass: functions whose trigger calls them again, and what is tried again."""


@dataclass(frozen=True, kw_only=True)
class FunctionError:
    """An error that ended a function, or one that batchmgr caught: `function` is then what it did not do."""

    function: str
    error: str

    @property
    def is_expected(self) -> bool:
        """Whether a storm explains the error: the host has ended, or what the function needs was away."""
        if self.error.startswith(_HOST_HAS_ENDED):
            return True
        return self.function in _BACKGROUND and self.error.startswith(_WILL_PASS)


def function_errors(logs: Path) -> Iterator[FunctionError]:
    """Yield the errors in the logs of all hosts."""
    for file in sorted(logs.glob("host-*/*.log")):
        for entry in _ENTRY.split(file.read_text(errors="replace")):
            head = entry.partition("\n")[0]
            found = _FAILED.search(head) or _CAUGHT.search(head)
            if found:
                busy = _BUSY.search(head)
                errors = [f"ServiceBusyError: {busy['reason']}"] if busy else _ERROR.findall(entry)
                yield FunctionError(function=found[1], error=errors[-1] if errors else "an unknown error")
