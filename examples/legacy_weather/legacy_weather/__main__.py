"""The command line of the workload: nodes start the job manager and the tasks with it."""

from __future__ import annotations

from batchmgr import Application
from legacy_weather.workload import LegacyWeatherWorkload

if __name__ == "__main__":
    Application(LegacyWeatherWorkload()).run()
