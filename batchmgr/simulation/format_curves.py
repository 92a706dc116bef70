"""The curves of tasks and nodes over time, as lines of blocks in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmgr.simulation.format_values import duration
from batchmgr.simulation.variant_result import VariantResult

_BLOCKS = " ▁▂▃▄▅▆▇█"
_COLUMNS = 60
_ROWS = (("waiting", "active"), ("running", "running"), ("nodes", "nodes"))
_LONGEST = 10
"""How many times as long as the shortest makespan the axis may be. What goes on after it is cut."""


def format_curves(results: Sequence[VariantResult]) -> Iterator[str]:
    """Yield three lines for each variant, of the run in the middle. All have the same axis of time."""
    axis = axis_s(results)
    for result in results:
        run = result.middle
        end = duration(run["makespan"]) if run["ended"] else "does not end"
        more = cut_in_words(result, axis)
        yield f"{result.variant.name[:40]} · {end}{f'; {more}' if more else ''}"
        for name, column in _ROWS:
            values = run["curves"][column]
            line = _blocks(_resampled(run["curves"]["seconds"], values, axis))
            yield f"  {name:<8}{max(values, default=0):>7,}  {line}".rstrip()
    yield f"{'':19}0{duration(axis):>{_COLUMNS - 1}}"


def axis_s(results: Sequence[VariantResult]) -> float:
    """Return the seconds that an axis of time for all variants has, so that each of them can be seen."""
    latest = max(map(_end_s, results))
    ended = [_end_s(result) for result in results if result.middle["ended"]]
    return min(latest, _LONGEST * min(ended, default=latest))


def cut_in_words(result: VariantResult, axis: float) -> str:
    """Return what an axis, or the end of the curves, leaves out of a run; empty if that is nothing."""
    if _end_s(result) > axis:
        return "goes on →"
    return "" if result.middle["ended"] else f"the first {duration(_end_s(result))}"


def _end_s(result: VariantResult) -> float:
    """Return where the curves end: with the run, unless it does not end."""
    return float(result.middle["curves"]["seconds"][-1])


def _resampled(seconds: Sequence[float], values: Sequence[float], axis: float) -> list[float]:
    """Return the highest value in each column; nothing after the end."""
    found = [0.0] * _COLUMNS
    step = axis / _COLUMNS or 1.0
    for place, (at, value) in enumerate(zip(seconds, values, strict=True)):
        until = seconds[place + 1] if place + 1 < len(seconds) else at
        for column in range(int(at / step), min(int(until / step) + 1, _COLUMNS)):
            found[column] = max(found[column], value)
    return found


def _blocks(values: Sequence[float]) -> str:
    highest = max(values, default=0.0) or 1.0
    # What is not zero is seen.
    return "".join(_BLOCKS[0 if not value else max(1, round(value / highest * 8))] for value in values)
