"""The tasks: each renders a tile, and the FinalizeTask joins the tiles.

They import their libraries when they run. So planning needs neither numpy nor Pillow.
"""

from typing import TypedDict

from batchmgr import FinalizeTask, InvalidInputError, WorkloadTask
from mandelbrot_tiles.grid import Grid

TILE_FILE = "tile.png"
TILES_FOLDER = "tiles"
PICTURE_FILE = "mandelbrot.png"
MISSING_COLOUR = (128, 128, 128)


class PictureInputs(TypedDict):
    """The size of the picture in pixels, and its columns and rows of tiles."""

    width: int
    height: int
    columns: int
    rows: int


class TileInputs(PictureInputs):
    """The number of a tile, from 1, and the part of the plane that the whole picture shows."""

    tile: int
    center: tuple[float, float]
    extent: float
    iterations: int


class RenderTileTask(WorkloadTask[TileInputs]):
    """Renders one tile. Writes `TILE_FILE`."""

    def run(self) -> None:
        """Render the tile. It reports progress after each strip of rows; only some reports are sent."""
        from PIL import Image

        from mandelbrot_tiles.fractal import View, render

        inputs = self.inputs
        grid = _grid(inputs)
        view = View(
            center=complex(*inputs["center"]), width=inputs["extent"], iterations=inputs["iterations"]
        )
        pixels = render(view, grid, grid.box(inputs["tile"]), progress=self.report_progress)
        Image.fromarray(pixels).save(self.context.working_directory / TILE_FILE)


class StitchTask(FinalizeTask[PictureInputs]):
    """Joins the tiles and writes `PICTURE_FILE`. Tiles whose task did not succeed stay grey."""

    def run(self) -> None:
        """Join the tiles. Raise `InvalidInputError` if there are none."""
        from PIL import Image

        directory, grid = self.context.working_directory, _grid(self.inputs)
        picture = Image.new("RGB", (grid.width, grid.height), MISSING_COLOUR)
        missing = []
        for task in self.manifest.tasks:
            tile = int(task.id)  # task ids are numbers in the order of the tiles
            if not task.has_succeeded:
                missing.append(tile)
                continue
            with Image.open(directory / TILES_FOLDER / f"{tile}.png") as image:
                box = grid.box(tile)
                picture.paste(image, (box.left, box.top))
        if len(missing) == len(grid.tiles):
            raise InvalidInputError("No tile was rendered: there is no picture.")
        file = directory / PICTURE_FILE
        picture.save(file, optimize=True)
        self.publish_result(
            {
                "width": grid.width,
                "height": grid.height,
                "bytes": file.stat().st_size,
                "tiles": len(grid.tiles),
                "missing": missing,
            }
        )


def _grid(inputs: PictureInputs) -> Grid:
    return Grid(
        width=inputs["width"], height=inputs["height"], columns=inputs["columns"], rows=inputs["rows"]
    )
