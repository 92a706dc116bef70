"""A job has the same results, events and callback on the whole stack and in one process."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from batchmgr.plan.job_plan import KEPT_FOLDER, MANIFEST_BLOB
from tests.integration.client import Client
from tests.integration.comparable_events import comparable, stable
from tests.integration.receiver import receiving

GENOME = Path(__file__).parents[2] / "examples" / "genome_kmers" / "data" / "NC_001416.1.fa"
CASES = {
    "good": (GENOME.read_bytes(), "succeeded", 0),
    "bad": (b"This is a letter, not a genome.\n", "failed", 1),
}


@pytest.mark.parametrize("case", ["good", pytest.param("bad", marks=pytest.mark.clients)])
async def test_a_job_is_the_same_in_one_process(
    client: Client, job_id: str, tmp_path: Path, case: str
) -> None:
    genome, state, exit_code = CASES[case]
    name = await client.upload(f"{job_id}/genome.fa", genome)
    (tmp_path / "storage" / name).parent.mkdir(parents=True)
    (tmp_path / "storage" / name).write_bytes(genome)
    inputs = {"genome": name, "windows": 3, "k": 4}
    message = {"jobId": job_id, "workload": "genome_kmers", "inputs": inputs}
    async with receiving() as azure, receiving() as here:
        await client.submit(message | {"callBackUri": azure.uri})
        arguments = ("--job-id", job_id, "--inputs", json.dumps(inputs), "--callback", here.uri)
        code, errors = await run_here(tmp_path, *arguments, "--storage", "storage", "--directory", "run")
        called_by_azure, called_from_here = await azure.call(), await here.call()
    await client.wait_until_delivered(job_id)
    assert (code, "Traceback" in errors) == (exit_code, False)
    assert called_by_azure.body["Output"]["state"] == state, called_by_azure.body
    assert stable(called_from_here.body) == stable(called_by_azure.body)
    assert called_from_here.headers["webhook-id"] == called_by_azure.headers["webhook-id"]
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    assert comparable(map(json.loads, lines)) == comparable(await client.events(job_id))
    container = client.blobs.get_container_client(f"job-{job_id}")
    folder = tmp_path / "run" / "storage" / f"job-{job_id}"
    there = {blob: await client.read(job_id, blob) async for blob in container.list_blob_names()}
    # In one process, the streams of failed tasks are in the directory of the run.
    streams = [there.pop(name) for name in list(there) if name.startswith(f"{KEPT_FOLDER}/")]
    assert bool(streams) == (state == "failed")
    left = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    blobs = {name: path.read_bytes() for name, path in left.items()}
    assert stable(json.loads(blobs.pop(MANIFEST_BLOB))) == stable(json.loads(there.pop(MANIFEST_BLOB)))
    assert bool(blobs) == (state == "succeeded")
    assert blobs == there


async def run_here(directory: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "genome_kmers", "local", *arguments),
        cwd=directory,
        env=os.environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()
