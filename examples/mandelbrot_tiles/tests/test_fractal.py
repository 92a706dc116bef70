"""The set itself, against facts that need no program, and against a direct computation."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from mandelbrot_tiles.fractal import View, render
from mandelbrot_tiles.grid import Box, Grid

VIEW = View(center=-0.743517833 + 0.131406j, width=0.0045, iterations=200)


def rendered(view: View, grid: Grid, box: Box | None = None) -> NDArray[np.uint8]:
    whole = Box(left=0, top=0, right=grid.width, bottom=grid.height)
    return render(view, grid, box or whole, progress=lambda part: None)


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 2), (7, 5), (45, 37)])
def test_tiles_of_any_grid_make_the_same_picture(columns: int, rows: int) -> None:
    grid = Grid(width=45, height=37, columns=columns, rows=rows)
    picture = np.zeros((37, 45, 3), dtype=np.uint8)
    covered = np.zeros((37, 45), dtype=int)
    for tile in grid.tiles:
        box = grid.box(tile)
        place = np.s_[box.top : box.bottom, box.left : box.right]
        picture[place] = rendered(VIEW, grid, box)
        covered[place] += 1
    assert (covered == 1).all()
    assert np.array_equal(picture, rendered(VIEW, grid))


def test_only_points_that_never_flee_are_black() -> None:
    grid = Grid(width=60, height=40, columns=1, rows=1)
    pixels = rendered(View(center=-0.75 + 0j, width=3, iterations=300), grid)
    for row in range(40):
        for column in range(60):
            points = [
                complex(-0.75 + (column + a - 30) * 3 / 60, -(row + b - 20) * 3 / 60)
                for a in (0.25, 0.75)
                for b in (0.25, 0.75)
            ]
            flees = any(fled(point, 300) for point in points)
            assert pixels[row, column].any() == flees, (row, column)


def fled(point: complex, iterations: int) -> bool:
    z = 0j
    for _ in range(iterations):
        z = z * z + point
        if abs(z) > 256:
            return True
    return False


def test_colours_run_smoothly_from_one_count_of_iterations_to_the_next() -> None:
    grid = Grid(width=400, height=1, columns=1, rows=1)
    outside = rendered(View(center=1.5 + 0j, width=1.5, iterations=100), grid).astype(int)
    assert np.abs(np.diff(outside, axis=1)).max() < 16


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    grid = Grid(width=4, height=100, columns=1, rows=1)
    render(VIEW, grid, grid.box(1), progress=told.append)
    assert len(told) == math.ceil(100 / 16)
    assert told == sorted(told)
    assert told[-1] == 1
