"""The Mandelbrot set: how fast z → z² + c escapes for each point c of the plane, and the colour for that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mandelbrot_tiles.grid import Box, Grid

_ESCAPE_RADIUS = 256.0  # a large radius makes the colours change smoothly
_SAMPLES = 2  # a pixel is the mean of 2 by 2 points
_STRIP = 16  # rows that are computed at once: few enough for the processor's cache
_STOPS = np.array(
    [(4, 6, 33), (18, 60, 138), (92, 174, 214), (250, 243, 214), (247, 160, 45), (140, 32, 38), (4, 6, 33)],
    dtype=np.float64,
)
"""The colours, in a circle: night, sea, sky, sand, sun, dusk, and night again."""


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of the complex plane that a picture shows, and the most iterations to compute for a point."""

    center: complex
    width: float
    iterations: int


def render(view: View, grid: Grid, box: Box, progress: Callable[[float], None]) -> NDArray[np.uint8]:
    """Return the pixels in a box of the picture: red, green and blue, shape (height, width, 3).

    A pixel depends only on the view and its place, not on the box that it is computed in. `progress` is
    called with the fraction that is done.
    """
    strips = []
    for top in range(box.top, box.bottom, _STRIP):
        bottom = min(top + _STRIP, box.bottom)
        strips.append(_render(view, grid, Box(left=box.left, top=top, right=box.right, bottom=bottom)))
        progress((bottom - box.top) / (box.bottom - box.top))
    return np.concatenate(strips)


def _render(view: View, grid: Grid, box: Box) -> NDArray[np.uint8]:
    x = (np.arange(box.left * _SAMPLES, box.right * _SAMPLES) + 0.5) / _SAMPLES - grid.width / 2
    y = (np.arange(box.top * _SAMPLES, box.bottom * _SAMPLES) + 0.5) / _SAMPLES - grid.height / 2
    points = view.center + view.width / grid.width * (x[np.newaxis, :] - 1j * y[:, np.newaxis])
    colours = _colours(_escape_times(points.ravel(), view.iterations))
    shape = (box.bottom - box.top, _SAMPLES, box.right - box.left, _SAMPLES, 3)
    pixels: NDArray[np.float64] = colours.reshape(shape).mean(axis=(1, 3))
    return pixels.round().astype(np.uint8)


def _escape_times(points: NDArray[np.complexfloating[Any, Any]], iterations: int) -> NDArray[np.float64]:
    """Return how many iterations, with fractions, each point needs to escape. NaN if it does not escape."""
    times = np.full(points.shape, np.nan)
    left = np.arange(points.size)
    c = z = points
    for count in range(1, iterations + 1):
        z = z * z + c
        size = z.real**2 + z.imag**2
        escaped = size > _ESCAPE_RADIUS**2
        if escaped.any():
            times[left[escaped]] = count - np.log2(np.log(size[escaped]) / np.log(_ESCAPE_RADIUS) / 2)
            left, c, z = left[~escaped], c[~escaped], z[~escaped]
        if not left.size:
            break
    return times


def _colours(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colour of each escape time, shape (points, 3). Points that do not escape are black."""
    turns = np.log2(np.maximum(np.nan_to_num(times), 1)) / 2 % 1 * (len(_STOPS) - 1)
    stop = turns.astype(int)
    part = (turns - stop)[:, np.newaxis]
    colours = _STOPS[stop] * (1 - part) + _STOPS[stop + 1] * part
    return np.where(np.isnan(times)[:, np.newaxis], 0, colours)
