"""The workload: a task for each weather station. A node plans it, since the app has no astral 1.10."""

from __future__ import annotations

from typing import Any

from batchmgr import (
    ApplicationPackageReference,
    BatchClient,
    InputFileSpecification,
    InvalidJobError,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    WorkloadBase,
)
from legacy_weather.tasks import (
    STATION_FILE,
    STATIONS_FOLDER,
    TABLE_FILE,
    PossibleSunshineTask,
    StationInputs,
    TabulateTask,
)


class WeatherJobManager(JobManager):
    """An ordinary job manager. That it runs on a node makes no difference to its code."""

    def create_job(self) -> None:
        """Add a task for each station, and give their output files to the FinalizeTask."""
        year = self.inputs.get("year")
        if type(year) is not int or not 1901 <= year <= 2099:
            raise InvalidJobError(f"must be a year from 1901 to 2099, not {year!r}", field="inputs.year")
        stations = self.inputs.get("stations")
        if not isinstance(stations, list) or not stations:
            raise InvalidJobError("must be a list of at least one station", field="inputs.stations")
        for index, station in enumerate(stations):
            self._add_station(year, _checked(station, f"inputs.stations[{index}]"))
        self.finalize_task.input_files.append(
            InputFileSpecification(
                container_name=self.context.container_name,
                storage_account_name=self.context.storage_account_name,
                source_blob_path=f"{STATIONS_FOLDER}/",
                target_file_path="",
            )
        )
        self.finalize_task.output_files.append(self._keep(TABLE_FILE, TABLE_FILE))

    def _add_station(self, year: int, station: dict[str, Any]) -> None:
        inputs = StationInputs(
            name=station["name"], latitude=station["latitude"], longitude=station["longitude"], year=year
        )
        task = self.add_workload_task(PossibleSunshineTask, inputs)
        task.display_name = station["name"]
        task.output_files.append(self._keep(STATION_FILE, f"{STATIONS_FOLDER}/{task.id}.json"))

    def _keep(self, file: str, blob: str) -> OutputFileSpecification:
        return OutputFileSpecification(
            source_file_path=file,
            container_name=self.context.container_name,
            storage_account_name=self.context.storage_account_name,
            target_blob_path=blob,
        )


def _checked(station: Any, field: str) -> dict[str, Any]:
    if not isinstance(station, dict) or station.keys() != {"name", "latitude", "longitude"}:
        raise InvalidJobError("must have a name, a latitude and a longitude", field=field)
    if not isinstance(station["name"], str) or "\t" in station["name"] or "\n" in station["name"]:
        raise InvalidJobError("must be a text on one line", field=f"{field}.name")
    for name, limit in (("latitude", 90), ("longitude", 180)):
        if type(station[name]) not in (int, float) or not -limit <= station[name] <= limit:
            raise InvalidJobError(f"must be from -{limit} to {limit}", field=f"{field}.{name}")
    return station


class WeatherJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = WeatherJobManager


class LegacyWeatherWorkload(WorkloadBase):
    """Computes how long the sun can shine at weather stations."""

    application_package = ApplicationPackageReference(application_id="legacy_weather")

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client, job_manager_builder_type=WeatherJobManagerBuilder)
        self._entry_points_repository.register_entry_point(PossibleSunshineTask)
        self._entry_points_repository.register_finalize_task(TabulateTask)
