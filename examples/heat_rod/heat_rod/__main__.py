"""The command line of the workload: nodes start tasks with it. See `--help` for your own use."""

from __future__ import annotations

from batchmgr import Application
from heat_rod.workload import HeatRodWorkload

if __name__ == "__main__":
    Application(HeatRodWorkload()).run()
