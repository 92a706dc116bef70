"""A rod that cools: the heat equation in one dimension, by explicit steps in time.

The rod's ends are kept at 0, and it begins as half a wave of a sine. That shape stays, and each step makes it
flatter by the same factor: so what any number of steps shall give is known, to the last digits.
"""

from __future__ import annotations

import math

RATIO = 0.25
"""The step in time, times the diffusivity, over the square of the distance of two cells: stable below 0.5."""


def initial(cells: int) -> list[float]:
    """The temperature of each cell, at first."""
    return [math.sin(math.pi * number / (cells + 1)) for number in range(1, cells + 1)]


def step(cells: list[float], left: float, right: float) -> list[float]:
    """The cells a step later; `left` and `right` are the cells beside them, before the step."""
    around = [left, *cells, right]
    return [
        here + RATIO * (before - 2 * here + after)
        for before, here, after in zip(around, around[1:], around[2:])
    ]


def exact(cells: int, steps: int) -> list[float]:
    """What the cells must be after so many steps."""
    factor = 1 - 4 * RATIO * math.sin(math.pi / 2 / (cells + 1)) ** 2
    return [factor**steps * temperature for temperature in initial(cells)]


def share(cells: list[float], rank: int, size: int) -> list[float]:
    """The part of the rod that belongs to one of `size` ranks, counted from 0."""
    return cells[len(cells) * rank // size : len(cells) * (rank + 1) // size]
