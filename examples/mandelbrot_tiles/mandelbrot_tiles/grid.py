"""A picture that is cut into tiles."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels, counted from the top left corner. `right` and `bottom` are not in it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A picture of `width` × `height` pixels in `columns` × `rows` tiles, whose sizes may differ by a pixel.

    >>> Grid(width=100, height=50, columns=3, rows=2).box(4)
    Box(left=0, top=25, right=33, bottom=50)
    """

    width: int
    height: int
    columns: int
    rows: int

    @property
    def tiles(self) -> range:
        """The numbers of the tiles, from 1, row by row."""
        return range(1, self.columns * self.rows + 1)

    def box(self, tile: int) -> Box:
        """Return the place of a tile in the picture."""
        row, column = divmod(tile - 1, self.columns)
        return Box(
            left=self.width * column // self.columns,
            top=self.height * row // self.rows,
            right=self.width * (column + 1) // self.columns,
            bottom=self.height * (row + 1) // self.rows,
        )
