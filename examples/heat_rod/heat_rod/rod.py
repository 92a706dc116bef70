"""A rod that cools: the heat equation in one dimension, solved by explicit steps in time.

The ends of the rod are kept at 0. At first its temperatures are half a wave of a sine. The shape stays a
sine, and each step makes it lower by the same factor. So the exact result after any number of steps is known.
"""

from __future__ import annotations

import math

RATIO = 0.25
"""Time step × diffusivity ÷ the square of the distance between two cells. It is stable below 0.5."""


def initial(cells: int) -> list[float]:
    """Return the temperature of each cell at the start."""
    return [math.sin(math.pi * number / (cells + 1)) for number in range(1, cells + 1)]


def step(cells: list[float], left: float, right: float) -> list[float]:
    """Return the cells after one step. `left` and `right` are the cells beside them before the step."""
    around = [left, *cells, right]
    return [
        here + RATIO * (before - 2 * here + after)
        for before, here, after in zip(around, around[1:], around[2:])
    ]


def exact(cells: int, steps: int) -> list[float]:
    """Return the exact temperatures of the cells after this number of steps."""
    factor = 1 - 4 * RATIO * math.sin(math.pi / 2 / (cells + 1)) ** 2
    return [factor**steps * temperature for temperature in initial(cells)]


def share(cells: list[float], rank: int, size: int) -> list[float]:
    """Return the part of the rod that belongs to one of `size` ranks, counted from 0."""
    return cells[len(cells) * rank // size : len(cells) * (rank + 1) // size]
