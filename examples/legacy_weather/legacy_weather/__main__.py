"""The command line: a node starts the job manager and the tasks with it, you do whatever --help tells."""

from __future__ import annotations

from batchmgr import Application
from legacy_weather.workload import LegacyWeatherWorkload

if __name__ == "__main__":
    Application(LegacyWeatherWorkload()).run()
