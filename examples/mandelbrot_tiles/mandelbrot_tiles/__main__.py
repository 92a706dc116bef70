"""The command line of the workload: nodes start tasks with it. See `--help` for your own use."""

from batchmgr import Application
from mandelbrot_tiles.workload import MandelbrotWorkload

if __name__ == "__main__":
    Application(MandelbrotWorkload()).run()
