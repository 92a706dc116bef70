"""The examples on the whole stack, run as their READMEs say."""

import io
import json
import socket
from typing import Any

import numpy as np
import pytest
from azure.core.exceptions import HttpResponseError
from PIL import Image

from batchmgr.devstack.project_paths import PROJECT
from mandelbrot_tiles.fractal import View, render
from mandelbrot_tiles.grid import Grid
from mandelbrot_tiles.tasks import MISSING_COLOUR
from tests.integration.client import Client
from tests.integration.messages import Json
from tests.integration.wait_until import until

EXAMPLES = PROJECT / "examples"


def example(name: str, job_id: str, **inputs: object) -> Json:
    """Return the job message of an example, with more inputs."""
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
    # Three nodes took part: the primary, and two subtasks that Azure Batch lists.
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


@pytest.mark.clients
async def test_a_tile_whose_task_was_ended_is_grey_and_the_job_is_partial(
    client: Client, job_id: str
) -> None:
    # One task runs at a time, so the last is ended before it can run.
    await client.submit(tiles(job_id) | {"maxParallelTasks": 1})

    async def ended() -> bool:
        try:
            await client.batch.terminate_task(job_id, "4")
        except HttpResponseError:  # it does not exist yet
            return False
        return True

    await until(ended)
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial", outcome
    assert result_of(outcome, "batchmgr-finalize")["missing"] == [4]
    expected = directly().copy()
    expected[16:, 24:] = MISSING_COLOUR
    assert np.array_equal(await picture(client, job_id), expected)
