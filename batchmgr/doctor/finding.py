"""What the doctor says about one point."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a point is. Only `wrong` makes the command fail."""

    FINE = "fine"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It was not looked at, or nothing could be seen: `what` says why."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One point: `what` was seen, and, unless it is fine, the `remedy`.

    A line of the remedy that begins with four spaces is a command. No text holds a secret.
    """

    check: str
    status: Status
    what: str
    remedy: str = ""


def fine(check: str, what: str) -> Finding:
    """Return that a point is as it should be."""
    return Finding(check=check, status=Status.FINE, what=what)


def warning(check: str, what: str, remedy: str) -> Finding:
    """Return that a point should be changed, though jobs run."""
    return Finding(check=check, status=Status.WARNING, what=what, remedy=remedy)


def wrong(check: str, what: str, remedy: str) -> Finding:
    """Return that a point stops jobs, or loses something."""
    return Finding(check=check, status=Status.WRONG, what=what, remedy=remedy)


def unknown(check: str, why: str, remedy: str = "") -> Finding:
    """Return that a point was not looked at, or that nothing could be seen."""
    return Finding(check=check, status=Status.UNKNOWN, what=f"not looked at, because {why}", remedy=remedy)


def is_wrong(findings: Iterable[Finding]) -> bool:
    """Return whether something is wrong."""
    return any(finding.status is Status.WRONG for finding in findings)
