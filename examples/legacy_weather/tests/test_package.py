"""The application package on a bare Python, this one and an old one: the old code and its library.

Nothing here imports the workload: it is not installed, and its library isn't either.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from batchmgr.packaging.archive import EARLIEST
from batchmgr.packaging.building import build_package
from batchmgr.packaging.errors import PackageError
from batchmgr.packaging.project import read_project
from tests.old_python import oldest_python

EXAMPLE = Path(__file__).parents[1]
STATIONS = json.loads((EXAMPLE / "job.json").read_text())["inputs"]["stations"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it lies on a node."""
    directory = tmp_path_factory.mktemp("package")
    try:
        package = build_package(read_project(EXAMPLE), directory, time=EARLIEST, vendor=True)
    except PackageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))  # pip found no index
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(directory / "node")
    return directory / "node"


def run(python: str, unpacked: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # -S: without any site-packages.
    return subprocess.run(
        [python, "-S", "-B", *arguments],
        env={"PYTHONPATH": str(unpacked), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(params=["this", "3.8"])
def python(request: pytest.FixtureRequest) -> str:
    if request.param == "this":
        return sys.executable
    oldest = oldest_python()
    if oldest is None:
        pytest.skip("there is no Python 3.8 here")
    return str(oldest)


def test_the_app_has_neither_the_workload_nor_its_library() -> None:
    assert importlib.util.find_spec("astral") is None


def test_the_old_library_agrees_with_a_formula_everywhere(unpacked: Path, python: str) -> None:
    script = "import json, sys; from legacy_weather.sunshine import monthly_hours\n"
    script += "print(json.dumps([monthly_hours(*place, 2019) for place in json.loads(sys.argv[1])]))"
    places = [(station["latitude"], station["longitude"]) for station in STATIONS]
    places += [(0.0, 0.0), (0.0, 179.9), (89.9, 0.0), (-89.9, -120.0)]
    done = run(python, unpacked, "-c", script, json.dumps(places))
    assert done.stderr == ""
    for (latitude, _), found in zip(places, json.loads(done.stdout), strict=True):
        expected = [sum(by_formula(latitude, day) for day in days_of(month)) for month in range(1, 13)]
        # A day near a pole is all or nothing: there the formulas differ by days.
        assert found == pytest.approx(expected, abs=5 if abs(latitude) < 60 else 48), latitude


def days_of(month: int) -> list[date]:
    first = date(2019, month, 1).toordinal()
    last = date(2019 + month // 12, month % 12 + 1, 1).toordinal()
    return [date.fromordinal(number) for number in range(first, last)]


def by_formula(latitude: float, day: date) -> float:
    """Hours between the sun's upper edge rising and setting, by the textbook's declination."""
    angle = 2 * math.pi * (day.timetuple().tm_yday - 81) / 365
    declination = math.asin(0.3978 * math.sin(angle + 0.0334 * math.sin(angle + 1.35)))
    phi = math.radians(latitude)
    cosine = (math.sin(math.radians(-0.833)) - math.sin(phi) * math.sin(declination)) / (
        math.cos(phi) * math.cos(declination)
    )
    return 24 / math.pi * math.acos(min(1.0, max(-1.0, cosine)))


def planned(unpacked: Path, python: str, directory: Path, inputs: dict[str, Any]) -> Any:
    job = json.dumps({"jobId": "j", "inputs": inputs})
    environment = {"AZ_BATCH_TASK_WORKING_DIR": str(directory), "BATCHMGR_JOB": job}
    done = run(python, unpacked, "-m", "legacy_weather", "job-manager", **environment)
    assert done.stdout == ""
    return done


def test_the_node_plans_a_task_for_each_station(unpacked: Path, python: str, tmp_path: Path) -> None:
    done = planned(unpacked, python, tmp_path, {"year": 2019, "stations": STATIONS})
    assert (done.returncode, done.stderr) == (0, "")
    tasks = json.loads((tmp_path / "batchmgr-tasks.json").read_text())["tasks"]
    assert [task["displayName"] for task in tasks] == [station["name"] for station in STATIONS]
    assert "$AZ_BATCH_APP_PACKAGE_legacy_weather" in tasks[0]["commandLine"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"year": "2019", "stations": STATIONS}, "inputs.year: must be a year from 1901 to 2099, not '2019'"),
        ({"year": 2019}, "inputs.stations: must be a list of stations"),
        ({"year": 2019, "stations": [{"name": "X"}]}, "inputs.stations[0]: must have a name, a latitude"),
        (
            {"year": 2019, "stations": [{"name": "X", "latitude": 91, "longitude": 0}]},
            "inputs.stations[0].latitude: must be from -90 to 90",
        ),
    ],
)
def test_wrong_inputs_are_refused_by_name(
    unpacked: Path, tmp_path: Path, inputs: dict[str, Any], message: str
) -> None:
    done = planned(unpacked, sys.executable, tmp_path, inputs)
    assert done.returncode == 2
    assert message in done.stderr
