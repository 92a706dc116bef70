"""The table that a benchmark prints: what was measured, and whether it is within its limit."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table. Without a `limit` or a `least`, it is there to compare with."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    least: float | None = None
    beside: str = ""

    @property
    def verdict(self) -> str:
        """Return whether the value is within its limit."""
        if self.limit is None and self.least is None:
            return ""
        is_low = self.least is not None and self.value < self.least
        is_high = self.limit is not None and self.value > self.limit
        return "FAIL" if is_low or is_high else "pass"

    @property
    def bound(self) -> str:
        """Return the limit as it is printed."""
        if self.limit is not None:
            return f"≤ {self.limit:g}"
        return f"≥ {self.least:g}" if self.least is not None else ""


def show(rows: Iterable[Row]) -> None:
    """Print the table."""
    rows = list(rows)
    width = max(len(row.what) for row in rows)
    for row in rows:
        value = f"{row.value:>9.2f} {row.unit:<8} {row.bound:<7} {row.verdict:<5}"
        say(f"{row.what:<{width}} {value} {row.beside}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()
