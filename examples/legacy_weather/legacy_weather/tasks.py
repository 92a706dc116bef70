"""The tasks: one for each station, and the FinalizeTask that writes one table of all stations."""

from __future__ import annotations

import json
from typing import TypedDict

from batchmgr import FinalizeTask, WorkloadTask
from legacy_weather.sunshine import monthly_hours

STATION_FILE = "station.json"
STATIONS_FOLDER = "stations"
TABLE_FILE = "possible_sunshine.tsv"


class StationInputs(TypedDict):
    """A weather station and a year. Degrees north and east are positive."""

    name: str
    latitude: float
    longitude: float
    year: int


class PossibleSunshineTask(WorkloadTask[StationInputs]):
    """Computes how long the sun can shine at one station in each month. Writes `STATION_FILE`."""

    def run(self) -> None:
        """Compute the hours, and publish those of the whole year."""
        station = self.inputs
        hours = monthly_hours(station["latitude"], station["longitude"], station["year"])
        text = json.dumps({"name": station["name"], "hours": hours})
        (self.context.working_directory / STATION_FILE).write_text(text, encoding="utf-8")
        self.publish_result({"station": station["name"], "hours": round(sum(hours), 1)})


class TabulateTask(FinalizeTask):
    """Writes `TABLE_FILE`: a table of the stations whose task has succeeded."""

    def run(self) -> None:
        """Write a line for each station, in the order of the inputs: hours by month, and in the year."""
        folder = self.context.working_directory / STATIONS_FOLDER
        lines = ["\t".join(["station", *(f"{month:02}" for month in range(1, 13)), "year"])]
        for task in self.manifest.tasks:
            if task.has_succeeded:
                station = json.loads((folder / f"{task.id}.json").read_text(encoding="utf-8"))
                hours = [*station["hours"], sum(station["hours"])]
                lines.append("\t".join([station["name"], *(f"{each:.1f}" for each in hours)]))
        text = "\n".join(lines) + "\n"
        (self.context.working_directory / TABLE_FILE).write_text(text, encoding="utf-8")
