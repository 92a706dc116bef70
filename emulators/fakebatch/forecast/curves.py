"""The curves of a forecast: tasks and nodes over time."""

from typing import Final, NamedTuple

from fakebatch.wire import timestamps

MOST_POINTS: Final = 241
NAMES: Final = ("active", "running", "nodes", "busy", "target")


class _Point(NamedTuple):
    at: int
    active: int
    running: int
    nodes: int
    busy: int
    target: int


class Curves:
    """Collects what changes, and gives it in equal steps of time. `start` is in ticks."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._points: list[_Point] = []

    def add(self, at: int, active: int, running: int, nodes: int, busy: int, target: int) -> None:
        """Add the values from this time on, in ticks."""
        point = _Point(at, active, running, nodes, busy, target)
        if self._points and self._points[-1].at == at:
            self._points[-1] = point
        else:
            self._points.append(point)

    def sampled(self, end: int) -> dict[str, list[float]]:
        """Return the seconds of each step up to the end, and the values then."""
        columns: dict[str, list[float]] = {"seconds": [], **{name: [] for name in NAMES}}
        if not self._points:
            return columns
        index = 0
        for step in range(MOST_POINTS):
            at = self._start + (end - self._start) * step // (MOST_POINTS - 1)
            while index + 1 < len(self._points) and self._points[index + 1].at <= at:
                index += 1
            columns["seconds"].append(round((at - self._start) / timestamps.PER_SECOND, 3))
            for name in NAMES:
                columns[name].append(getattr(self._points[index], name))
        return columns
