"""The table that a benchmark prints: what was measured, and whether it is within its limit."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table. Without a `limit`, it is there to compare with."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    beside: str = ""

    @property
    def verdict(self) -> str:
        """Return whether the value is within its limit."""
        if self.limit is None:
            return ""
        return "pass" if self.value <= self.limit else "FAIL"


def show(rows: Iterable[Row]) -> None:
    """Print the table."""
    rows = list(rows)
    width = max(len(row.what) for row in rows)
    for row in rows:
        limit = "" if row.limit is None else f"≤ {row.limit:g}"
        say(f"{row.what:<{width}} {row.value:>9.2f} {row.unit:<7} {limit:<7} {row.verdict:<5} {row.beside}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()
