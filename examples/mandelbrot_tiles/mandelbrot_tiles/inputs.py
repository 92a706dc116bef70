"""The inputs of a job, which are checked before anything runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from batchmgr import InvalidJobError

T = TypeVar("T")
DEFAULTS: Mapping[str, object] = {
    "center": [-0.743517833, 0.131406],
    "extent": 0.0045,
    "iterations": 2000,
    "size": [1200, 800],
    "grid": [4, 3],
}
"""The Seahorse Valley."""


@dataclass(frozen=True, kw_only=True)
class JobInputs:
    """The `inputs` of a job message.

    `center` is the point of the complex plane in the middle of the picture, and `extent` the width of the
    plane that it shows. `iterations` is the most iterations to compute for a point. `size` is the width and
    height in pixels, and `grid` the number of columns and rows of tiles.
    """

    center: tuple[float, float]
    extent: float
    iterations: int
    size: tuple[int, int]
    grid: tuple[int, int]

    @classmethod
    def parse(cls, inputs: Mapping[str, object]) -> "JobInputs":
        """Return the checked inputs, with defaults for missing ones. Raise `InvalidJobError`."""
        for name in inputs:
            if name not in DEFAULTS:
                known = ", ".join(DEFAULTS)
                raise InvalidJobError(f"unknown; the inputs are {known}", field=f"inputs.{name}")
        given = {**DEFAULTS, **inputs}
        size = _pair(given, "size", lambda field, value: _integer(field, value, maximum=20_000))
        return cls(
            center=_pair(given, "center", lambda field, value: _number(field, value, minimum=-2)),
            extent=_number("inputs.extent", given["extent"], minimum=1e-12),
            iterations=_integer("inputs.iterations", given["iterations"], maximum=1_000_000),
            size=size,
            grid=_pair(given, "grid", lambda field, value: _integer(field, value, maximum=min(100, *size))),
        )


def _pair(inputs: Mapping[str, object], name: str, check: Callable[[str, object], T]) -> tuple[T, T]:
    field, value = f"inputs.{name}", inputs[name]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidJobError(f"must be a list of two numbers, not {value!r}", field=field)
    return check(f"{field}[0]", value[0]), check(f"{field}[1]", value[1])


def _integer(field: str, value: object, *, maximum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
        raise InvalidJobError(f"must be an integer from 1 to {maximum}, not {value!r}", field=field)
    return value


def _number(field: str, value: object, *, minimum: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not minimum <= value <= 4:
        raise InvalidJobError(f"must be a number from {minimum:g} to 4, not {value!r}", field=field)
    return float(value)
