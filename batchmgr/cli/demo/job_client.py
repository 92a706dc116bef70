"""Sends and follows the demo's job, as a pipeline would: a blob, a queue message, events, result blobs."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import aiohttp
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobClient, BlobServiceClient
from azure.storage.queue.aio import QueueClient

from batchmgr.adapters.queue_names import JOB_REQUESTS
from batchmgr.devstack.azurite import KEY
from batchmgr.devstack.endpoints import Endpoints
from batchmgr.errors import StackError

INPUT_CONTAINER = "inputs"
RESULT_PREFIX = "results/"

_POLL_S = 0.2


async def upload_genome(endpoints: Endpoints, genome: Path) -> str:
    """Upload the file to the input container. Return its `container/name` for the job's inputs."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", genome.name)
    async with BlobServiceClient.from_connection_string(endpoints.connection_string) as service:
        container = service.get_container_client(INPUT_CONTAINER)
        with contextlib.suppress(ResourceExistsError):
            await container.create_container()
        with genome.open("rb") as content:
            await container.upload_blob(name, content, overwrite=True)
    return f"{INPUT_CONTAINER}/{name}"


async def enqueue_job(endpoints: Endpoints, message: Mapping[str, object]) -> None:
    """Put the job message on the queue."""
    async with QueueClient.from_connection_string(endpoints.connection_string, JOB_REQUESTS) as queue:
        await queue.send_message(json.dumps(message))


async def follow_events(endpoints: Endpoints, job_id: str) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the job's events as they are logged, each once. Never ends by itself.

    Raises StackError if the app does not return them.
    """
    url = f"{endpoints.functions}/api/jobs/{job_id}/events"
    last = 0
    known: set[str] = set()
    async with aiohttp.ClientSession() as session:
        while True:
            page = await _get_events(session, url, after=last)
            for event in page["events"]:
                if event["id"] not in known:  # a step that is repeated can log its events again
                    known.add(event["id"])
                    yield event
            last = page["last"]
            await asyncio.sleep(_POLL_S)


async def _get_events(session: aiohttp.ClientSession, url: str, *, after: int) -> Mapping[str, Any]:
    async with session.get(url, params={"after": after}) as answer:
        if answer.status == 404:  # the message has not been taken from the queue yet
            return {"events": [], "last": after}
        if answer.status != 200:
            raise StackError(f"GET {url} answered {answer.status}: {await answer.text()}")
        page: Mapping[str, Any] = await answer.json()
        return page


async def download_results(results: Iterable[Mapping[str, str]], output: Path) -> list[Path]:
    """Download the blobs under `results/` in a job's outcome into the directory. Return the files."""
    files = []
    for result in results:
        if result["name"].startswith(RESULT_PREFIX):
            file = output / PurePosixPath(result["name"]).name
            async with BlobClient.from_blob_url(result["uri"], credential=KEY) as blob:
                file.write_bytes(await (await blob.download_blob()).readall())
            files.append(file)
    return files
