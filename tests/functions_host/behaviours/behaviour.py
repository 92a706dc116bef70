"""One behaviour of Microsoft's host, how it is known, and whether the embedded host has it."""

from dataclasses import dataclass
from enum import StrEnum

GROUPS = (
    "Queues",
    "Blobs",
    "Timers",
    "HTTP",
    "Keys and administration",
    "Faults at the start",
    "Stops and losses",
    "Event Grid",
)
"""The parts of the page, in order."""


class Known(StrEnum):
    """How a behaviour is known."""

    RECORDED = "recorded"
    """From Microsoft's code at work; a test replays the recording."""
    READ = "read"
    """From Microsoft's sources or documentation."""
    ASSUMED = "assumed"


class Here(StrEnum):
    """What the embedded host does."""

    SAME = "the same"
    CHANCE = "the same, but for chance"
    """A replay may differ, by chance."""
    DIFFERENT = "differs"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One line of the page."""

    group: str
    """One of `GROUPS`."""
    what: str
    known: Known
    source: str
    """The recording's file, or the address of what was read, in Markdown."""
    name: str = ""
    """The name of the recording."""
    here: Here = Here.SAME
    reason: str = ""
    """What the embedded host does instead, and why."""
