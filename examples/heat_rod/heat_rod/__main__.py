"""The command line: a node starts a task with it, you do whatever --help tells."""

from __future__ import annotations

from batchmgr import Application
from heat_rod.workload import HeatRodWorkload

if __name__ == "__main__":
    Application(HeatRodWorkload()).run()
