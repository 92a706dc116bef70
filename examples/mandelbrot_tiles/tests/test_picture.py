"""A whole job in one process: its picture, and what becomes of it when a tile fails."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batchmgr import Application, InvalidJobError, JobContext
from mandelbrot_tiles import MandelbrotWorkload
from mandelbrot_tiles.fractal import View, render
from mandelbrot_tiles.grid import Grid
from mandelbrot_tiles.tasks import MISSING_COLOUR, RenderTileTask
from mandelbrot_tiles.workload import MandelbrotJobManager

INPUTS = {"size": [50, 40], "grid": [3, 2], "iterations": 300}
GRID = Grid(width=50, height=40, columns=3, rows=2)


def run(directory: Path, monkeypatch: pytest.MonkeyPatch, **inputs: Any) -> int:
    """Run the job as the command line would; the exit code."""
    monkeypatch.chdir(directory)
    arguments = ["local", "--job-id", "j", "--directory", "run", "--inputs", json.dumps(INPUTS | inputs)]
    with pytest.raises(SystemExit) as end:
        Application(MandelbrotWorkload()).run(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def output(directory: Path) -> dict[str, Any]:
    """The callback's output."""
    found: dict[str, Any] = json.loads((directory / "run" / "callback.json").read_text())["Output"]
    return found


def picture(directory: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(directory / "run" / "storage" / "job-j" / "mandelbrot.png") as image:
        return np.asarray(image)


def directly() -> np.ndarray[Any, np.dtype[np.uint8]]:
    view = View(center=-0.743517833 + 0.131406j, width=0.0045, iterations=300)
    whole = Grid(width=50, height=40, columns=1, rows=1)
    return render(view, whole, whole.box(1), progress=lambda part: None)


def test_the_picture_is_the_same_as_without_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch) == 0
    assert np.array_equal(picture(tmp_path), directly())
    size = (tmp_path / "run" / "storage" / "job-j" / "mandelbrot.png").stat().st_size
    result = {"width": 50, "height": 40, "bytes": size, "tiles": 6, "missing": []}
    assert output(tmp_path)["taskResults"] == [{"taskId": "batchmgr-finalize", "result": result}]


def test_a_tile_that_failed_is_grey_and_the_job_is_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_tile = RenderTileTask.run

    def fail_once(task: RenderTileTask) -> None:
        if task.inputs["tile"] == 4:
            raise MemoryError("no room")
        render_tile(task)

    monkeypatch.setattr(RenderTileTask, "run", fail_once)
    assert run(tmp_path, monkeypatch) == 1
    expected, box = directly().copy(), GRID.box(4)
    expected[box.top : box.bottom, box.left : box.right] = MISSING_COLOUR
    assert np.array_equal(picture(tmp_path), expected)
    assert output(tmp_path)["state"] == "partial"
    assert output(tmp_path)["taskResults"][0]["result"]["missing"] == [4]


def test_without_any_tile_there_is_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(task: RenderTileTask) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(RenderTileTask, "run", fail)
    assert run(tmp_path, monkeypatch) == 1
    assert output(tmp_path)["state"] == "failed"
    last = output(tmp_path)["failedTasks"][-1]
    assert (last["taskId"], last["error"]["type"]) == ("batchmgr-finalize", "InvalidInputError"), last


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"colour": "red"}, "inputs.colour"),
        ({"center": 1}, "inputs.center"),
        ({"center": [0, "0"]}, "inputs.center[1]"),
        ({"center": [0, float("nan")]}, "inputs.center[1]"),
        ({"extent": 0}, "inputs.extent"),
        ({"iterations": 1.5}, "inputs.iterations"),
        ({"size": [0, 10]}, "inputs.size[0]"),
        ({"size": [10, 10], "grid": [11, 1]}, "inputs.grid[0]"),
        ({"grid": [1, True]}, "inputs.grid[1]"),
    ],
)
def test_a_wrong_input_is_refused_with_its_name(inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        MandelbrotWorkload().plan(JobContext(job_id="j", inputs=inputs))
    assert caught.value.field == field


def test_a_job_has_a_task_for_each_tile() -> None:
    manager = MandelbrotWorkload().plan(JobContext(job_id="j"))
    assert isinstance(manager, MandelbrotJobManager)
    assert [(task.id, task.inputs["tile"]) for task in manager.tasks] == [(str(n), n) for n in range(1, 13)]
    assert manager.tasks[4].display_name == "tile 5 of 4 × 3"


def test_planning_needs_neither_numpy_nor_pillow() -> None:
    script = "import sys, mandelbrot_tiles; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"numpy", "PIL"}.isdisjoint(done.stdout.split())
