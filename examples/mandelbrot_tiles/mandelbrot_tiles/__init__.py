"""A batchmgr workload: the Mandelbrot set, computed in tiles that are joined to one picture."""

from mandelbrot_tiles.workload import MandelbrotWorkload

__all__ = ["MandelbrotWorkload"]
