"""The examples on the whole stack, as their READMEs say."""

import io
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from azure.core.exceptions import HttpResponseError
from PIL import Image

from batchmgr.local.project import PROJECT
from batchmgr.local.stack import Stack, StackOptions, running_stack
from batchmgr.packaging.archive import EARLIEST
from batchmgr.packaging.building import build_package
from batchmgr.packaging.errors import PackageError
from batchmgr.packaging.project import read_project
from mandelbrot_tiles.fractal import View, render
from mandelbrot_tiles.grid import Grid
from mandelbrot_tiles.tasks import MISSING_COLOUR
from tests.integration.client import Client, connected
from tests.integration.messages import Json
from tests.integration.waiting import until
from tests.old_python import oldest_python

EXAMPLES = PROJECT / "examples"


def example(name: str, job_id: str, **inputs: object) -> Json:
    """The job of an example, with further inputs."""
    job: Json = json.loads((EXAMPLES / name / "job.json").read_text())
    return job | {"jobId": job_id, "inputs": job["inputs"] | inputs}


def result_of(outcome: Json, task_id: str) -> Any:
    results = {entry["taskId"]: entry["result"] for entry in outcome["taskResults"]}
    return results[task_id]


async def test_a_rod_cools_on_three_nodes_at_once(client: Client, job_id: str) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    await client.submit(example("heat_rod", job_id, cells=120, steps=400, port=port))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    result = result_of(outcome, "1")
    assert result["nodes"] == 3
    assert 0.9 < result["hottest"] < 1
    assert result["largestError"] < 1e-12
    _, *rows = (await client.read(job_id, "rod.tsv")).decode().splitlines()
    assert len(rows) == 120
    # Three nodes took part: the primary, and two subtasks that the service knows of.
    subtasks = [subtask async for subtask in client.batch.list_subtasks(job_id, "1")]
    assert [(subtask.exit_code, subtask.result) for subtask in subtasks] == [(0, "success")] * 2
    primary = await client.batch.get_task(job_id, "1")
    nodes = {info.node_id for info in (primary.node_info, *(each.node_info for each in subtasks)) if info}
    assert len(nodes) == 3


SIZE = (48, 32)


def directly() -> np.ndarray[Any, np.dtype[np.uint8]]:
    view = View(center=-0.743517833 + 0.131406j, width=0.0045, iterations=300)
    grid = Grid(width=SIZE[0], height=SIZE[1], columns=1, rows=1)
    return render(view, grid, grid.box(1), progress=lambda part: None)


async def picture(client: Client, job_id: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(await client.read(job_id, "mandelbrot.png"))) as image:
        return np.asarray(image)


def tiles(job_id: str) -> Json:
    return example("mandelbrot_tiles", job_id, size=SIZE, grid=(2, 2), iterations=300)


async def test_tiles_become_one_picture(client: Client, job_id: str) -> None:
    await client.submit(tiles(job_id))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert np.array_equal(await picture(client, job_id), directly())
    image = await client.read(job_id, "mandelbrot.png")
    assert result_of(outcome, "batchmgr-finalize") == {
        "width": 48,
        "height": 32,
        "bytes": len(image),
        "tiles": 4,
        "missing": [],
    }


async def test_a_tile_that_was_ended_is_grey_and_the_job_is_partial(client: Client, job_id: str) -> None:
    # One task at a time: the last is ended before it can have run.
    await client.submit(tiles(job_id) | {"maxParallelTasks": 1})

    async def ended() -> bool:
        try:
            await client.batch.terminate_task(job_id, "4")
        except HttpResponseError:  # it isn't there yet
            return False
        return True

    await until(ended)
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial", outcome
    assert result_of(outcome, "batchmgr-finalize")["missing"] == [4]
    expected = directly().copy()
    expected[16:, 24:] = MISSING_COLOUR
    assert np.array_equal(await picture(client, job_id), expected)


@pytest.fixture(scope="module")
def weather_package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The application package of the old workload, as the fake Azure Batch takes it."""
    try:
        package = build_package(
            read_project(EXAMPLES / "legacy_weather"),
            tmp_path_factory.mktemp("dist"),
            time=EARLIEST,
            vendor=True,
        )
    except PackageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))  # pip found no index
    identity = package.identity
    return f"{identity.application_id}={identity.version}={package.archive},default"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def weather_stack(azurite: None, weather_package: str) -> AsyncIterator[Stack]:
    """A stack whose nodes can have the package, and whose app has none of it."""
    async with running_stack(StackOptions(host="embedded", applications=(weather_package,))) as running:
        yield running


@pytest.fixture
async def weather_client(weather_stack: Stack) -> AsyncIterator[Client]:
    async with connected(weather_stack.endpoints) as connection:
        yield connection


@pytest.mark.parametrize("python", ["this", "3.8"])
async def test_a_workload_that_the_app_does_not_have_is_planned_and_run_from_its_package(
    weather_client: Client, job_id: str, tmp_path: Path, python: str
) -> None:
    client, job = weather_client, example("legacy_weather", job_id)
    if python == "3.8":
        oldest = oldest_python()
        if oldest is None:
            pytest.skip("there is no Python 3.8 here")
        (tmp_path / "python3").symlink_to(oldest)
        job["environment"] = {"PATH": os.pathsep.join((str(tmp_path), os.defpath))}
    await client.submit(job)
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", json.dumps(outcome)
    table = (await client.read(job_id, "possible_sunshine.tsv")).decode()
    header, *rows = (line.split("\t") for line in table.splitlines())
    assert header == ["station", *(f"{month:02}" for month in range(1, 13)), "year"]
    assert [row[0] for row in rows] == ["Tromsø", "De Bilt", "Nairobi", "Apia", "Ushuaia"]
    for row in rows:  # over a year, day and night are about equally long anywhere
        assert 4_380 < float(row[-1]) < 4_700
    assert result_of(outcome, "3") == {"station": "Nairobi", "hours": float(rows[2][-1])}


async def test_the_app_refuses_to_plan_it_itself(weather_client: Client, job_id: str) -> None:
    job = example("legacy_weather", job_id)
    del job["jobManagerTask"]
    answer = await weather_client.post("/jobs", job)
    assert (answer.status, answer.body["field"]) == (400, "workload")
    assert answer.body["detail"].startswith("there is no workload 'legacy_weather'")


async def test_what_the_node_cannot_plan_is_rejected_with_its_reason(
    weather_client: Client, job_id: str
) -> None:
    await weather_client.submit(example("legacy_weather", job_id, year=1066))
    outcome = await weather_client.outcome(job_id)
    assert outcome["state"] == "rejected", outcome
    assert "inputs.year: must be a year from 1901 to 2099, not 1066" in outcome["error"]["message"]
