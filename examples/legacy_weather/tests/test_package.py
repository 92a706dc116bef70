"""The application package: on a bare Python, this one and an old one, and on the nodes of the whole stack.

Nothing here imports the workload: it is not installed, and its library isn't either.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import Stack, StackOptions, running_stack
from batchmgr.errors import PackageError
from batchmgr.packaging.build_package import ApplicationPackage, build_package
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from tests.azurite_here import require_azurite
from tests.integration.client import Client, connected
from tests.old_python import oldest_python

EXAMPLE = Path(__file__).parents[1]
JOB = json.loads((EXAMPLE / "job.json").read_text())
STATIONS = JOB["inputs"]["stations"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ApplicationPackage:
    """The application package, with its dependencies."""
    directory = tmp_path_factory.mktemp("dist")
    try:
        return build_package(read_project(EXAMPLE), directory, time=EARLIEST, vendor=True)
    except PackageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))  # pip found no index


@pytest.fixture(scope="module")
def unpacked(package: ApplicationPackage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it lies on a node."""
    directory = tmp_path_factory.mktemp("node")
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(directory)
    return directory


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
    assert importlib.util.find_spec("legacy_weather") is None
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
        ({"year": 2019}, "inputs.stations: must be a list of at least one station"),
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(package: ApplicationPackage) -> AsyncIterator[Stack]:
    """A stack whose nodes can have the package, and whose app has none of it."""
    require_azurite()
    identity = package.identity
    application = f"{identity.application_id}={identity.version}={package.archive},default"
    async with running_stack(StackOptions(host="embedded", applications=(application,))) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with connected(stack.endpoints) as connection:
        yield connection


@pytest.mark.clients
async def test_a_job_is_planned_and_run_on_nodes_that_have_the_package(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "python3").symlink_to(oldest_python() or sys.executable)
    path = os.pathsep.join((str(tmp_path), os.defpath))
    await client.submit({**JOB, "environment": {"PATH": path}})
    outcome = await client.outcome(JOB["jobId"])
    assert outcome["state"] == "succeeded", outcome
    table = (await client.read(JOB["jobId"], "possible_sunshine.tsv")).decode()
    header, *rows = (line.split("\t") for line in table.splitlines())
    assert header == ["station", *(f"{month:02}" for month in range(1, 13)), "year"]
    assert [row[0] for row in rows] == ["Tromsø", "De Bilt", "Nairobi", "Apia", "Ushuaia"]
    for row in rows:  # over a year, day and night are about equally long anywhere
        assert 4_380 < float(row[-1]) < 4_700
    published = {each["taskId"]: each["result"] for each in outcome["taskResults"]}
    assert published["3"] == {"station": "Nairobi", "hours": float(rows[2][-1])}


@pytest.mark.clients
async def test_the_app_refuses_to_plan_it_itself(client: Client) -> None:
    alone = {name: value for name, value in JOB.items() if name != "jobManagerTask"}
    answer = await client.post("/jobs", {**alone, "jobId": "alone"})
    assert (answer.status, answer.body["field"]) == (400, "workload")
    assert answer.body["detail"].startswith("there is no workload 'legacy_weather'")


@pytest.mark.clients
async def test_what_the_node_cannot_plan_is_rejected_with_its_reason(client: Client) -> None:
    await client.submit({**JOB, "jobId": "early", "inputs": {**JOB["inputs"], "year": 1066}})
    outcome = await client.outcome("early")
    assert outcome["state"] == "rejected", outcome
    assert "inputs.year: must be a year from 1901 to 2099, not 1066" in outcome["error"]["message"]
