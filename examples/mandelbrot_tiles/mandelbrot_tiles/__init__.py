"""A batchmgr workload: the Mandelbrot set, computed in tiles and put together to one picture."""

from mandelbrot_tiles.workload import MandelbrotWorkload

__all__ = ["MandelbrotWorkload"]
