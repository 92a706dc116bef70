"""What the logs of the Functions hosts say about functions that failed, and jobs that could not be polled."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"^(?=\[\d{4}-\d\d-\d\dT)", re.MULTILINE)
_FAILED = re.compile(r"Executed 'Functions\.(\w+)' \(Failed")
_NOT_POLLED = re.compile(r"job \S+ could not be polled")
_ERROR = re.compile(r"^[ |+-]*(?:[a-z_]\w*\.)*(\w+(?:Error|Exception|ExceptionGroup)\b.*)$", re.MULTILINE)

_HOST_HAS_ENDED = "WorkerLostError"
_WILL_PASS = ("ServiceBusyError", "RecordChangedError")
_BACKGROUND = {"submit_job", "deliver_callback", "finalize_job", "poll_jobs"}
"""Functions that may raise what will pass: their trigger calls them again."""


@dataclass(frozen=True, kw_only=True)
class FunctionError:
    """An error that ended a function, or that the poller has met with one job."""

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
            failed = _FAILED.search(head)
            if failed or _NOT_POLLED.search(head):
                errors = _ERROR.findall(entry)
                yield FunctionError(
                    function=failed[1] if failed else "poll_jobs",
                    error=errors[-1] if errors else "an unknown error",
                )
