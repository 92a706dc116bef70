"""The command line: a node starts a task with it, you do whatever --help tells."""

from batchmgr import Application
from mandelbrot_tiles.workload import MandelbrotWorkload

if __name__ == "__main__":
    Application(MandelbrotWorkload()).run()
