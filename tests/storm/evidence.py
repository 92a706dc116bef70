"""What is there after a storm: everything that the checks look at. Read without any fault in between."""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
from azure.batch.aio import BatchClient
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import PROGRESS
from batchmgr.plan.file_specifications import JOBS_CONTAINER
from tests.storm.callback_receiver import WEBHOOK_OF, Call
from tests.storm.job_kinds import Json
from tests.storm.job_sender import SentJob
from tests.storm.secrets import find_leaks

POISON = "-poison"
_ATTEMPTS = 10
_PAUSE_S = 1


@dataclass(frozen=True, kw_only=True)
class BatchTask:
    """A task as Azure Batch has it."""

    state: str
    result: str | None
    exit_code: int | None


@dataclass(kw_only=True)
class Evidence:
    """What a storm has left. Jobs are named by their ids; `records` by their names in storage."""

    sent: Mapping[str, SentJob]
    outcomes: Mapping[str, Json] = field(default_factory=dict)
    events: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    callbacks: Mapping[str, Sequence[Call]] = field(default_factory=dict)
    webhooks: Mapping[str, Sequence[Call]] = field(default_factory=dict)
    record_sizes: Mapping[str, int] = field(default_factory=dict)
    active: Sequence[str] = ()
    batch_states: Mapping[str, str] = field(default_factory=dict)
    batch_tasks: Mapping[str, Mapping[str, BatchTask]] = field(default_factory=dict)
    ledger: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, bytes | None]] = field(default_factory=dict)
    """The content of each result file, by job and name; None for a file that is not there."""
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Where something is left of jobs that ask that nothing is kept."""
    poison: Mapping[str, Sequence[str]] = field(default_factory=dict)
    progress: Sequence[Json] = ()
    health: int = 200
    leaks: Sequence[str] = ()
    """Where secrets were found that do not belong there."""
    problems: Sequence[str] = ()
    """Answers that no caller should get, and processes that ended by themselves."""


async def collect(
    sent: Mapping[str, SentJob],
    calls: Sequence[Call],
    *,
    address: str,
    http: aiohttp.ClientSession,
    blobs: BlobServiceClient,
    queues: QueueServiceClient,
    batch: BatchClient,
    ledger: Path,
    progress: Sequence[Json],
    problems: Sequence[str],
    batch_key: str,
    logs: Path,
) -> Evidence:
    """Return all evidence of a storm that is over."""
    outcomes = await _outcomes(sent, address, http)
    events = {job_id: await _events(job_id, address, http) for job_id in outcomes}
    found = await find_leaks(
        blobs=blobs,
        queues=queues,
        batch=batch,
        batch_key=batch_key,
        logs=logs,
        answers=[*outcomes.values(), *(each for some in events.values() for each in some), *progress],
    )
    jobs = blobs.get_container_client(JOBS_CONTAINER)
    callbacks: dict[str, list[Call]] = defaultdict(list)
    webhooks: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.job_id.startswith(WEBHOOK_OF):
            webhooks[call.job_id.removeprefix(WEBHOOK_OF)].append(call)
        else:
            callbacks[call.job_id].append(call)
    batch_states = {str(job.id): _text(job.state) async for job in batch.list_jobs()}
    health, _ = await _get("/health", address, http)
    return Evidence(
        sent=sent,
        outcomes=outcomes,
        events=events,
        callbacks=callbacks,
        webhooks=webhooks,
        record_sizes={
            blob.name.removeprefix("records/").removesuffix(".json"): int(blob.size)
            async for blob in jobs.list_blobs(name_starts_with="records/")
        },
        active=await active_jobs(blobs),
        batch_states=batch_states,
        batch_tasks={job_id: await _batch_tasks(batch, job_id) for job_id in batch_states},
        ledger=_ledgers(ledger),
        files={job_id: await _files(outcome, blobs) for job_id, outcome in outcomes.items()},
        kept=await kept(sent, blobs, batch_states),
        poison=await _poison(queues),
        progress=progress,
        health=health,
        leaks=found,
        problems=problems,
    )


async def active_jobs(blobs: BlobServiceClient) -> list[str]:
    """Return the names in the index of active jobs."""
    container = blobs.get_container_client(JOBS_CONTAINER)
    return [
        name.removeprefix("active/") async for name in container.list_blob_names(name_starts_with="active/")
    ]


async def kept(
    sent: Mapping[str, SentJob], blobs: BlobServiceClient, batch_jobs: Collection[str]
) -> dict[str, list[str]]:
    """Return where something is left of the jobs that ask that nothing is kept."""
    wanted = {job_id for job_id, job in sent.items() if job.plan.is_fleeting}
    found: dict[str, list[str]] = defaultdict(list)
    for job_id in wanted.intersection(batch_jobs):
        found[job_id].append("Azure Batch")
    async for container in blobs.list_containers():
        if (job_id := container.name.removeprefix("job-")) in wanted:
            found[job_id].append(container.name)
        elif container.name.startswith("batchmgr-"):
            async for name in blobs.get_container_client(container.name).list_blob_names():
                for part in name.split("/"):
                    if (job_id := part.partition(".")[0]) in wanted:
                        found[job_id].append(f"{container.name}/{name}")
    return dict(found)


async def take_progress(queues: QueueServiceClient) -> list[Json]:
    """Remove all visible messages from the progress queue, and return the events in them."""
    client = queues.get_queue_client(PROGRESS)
    found = []
    try:
        async for message in client.receive_messages(messages_per_page=32, visibility_timeout=30):
            found.extend(json.loads(base64.b64decode(str(message.content))))
            await client.delete_message(message)
    except ResourceNotFoundError:  # the queue was deleted just now
        pass
    return found


async def _outcomes(
    sent: Mapping[str, SentJob], address: str, http: aiohttp.ClientSession
) -> dict[str, Json]:
    found = {}
    for job_id in sent:
        status, outcome = await _get(f"/jobs/{job_id}/result", address, http)
        if status == 200:
            found[job_id] = outcome
    return found


async def _events(job_id: str, address: str, http: aiohttp.ClientSession) -> list[Json]:
    """Return all events of a job."""
    events: list[Json] = []
    while True:
        after = int(events[-1]["sequence"]) if events else 0
        path = f"/jobs/{job_id}/events?after={after}&limit=1000"
        status, page = await _get(path, address, http)
        if status != 200 or not page["events"]:
            return events
        events += page["events"]


async def _get(path: str, address: str, http: aiohttp.ClientSession) -> tuple[int, Json]:
    """Return the answer to a request. Right after the storm, a host may still be getting over it."""
    for _ in range(_ATTEMPTS):
        async with http.get(f"{address}/api{path}") as answer:
            if answer.status < 500:
                return answer.status, dict(await answer.json())
        await asyncio.sleep(_PAUSE_S)
    return answer.status, {}


async def _batch_tasks(batch: BatchClient, job_id: str) -> dict[str, BatchTask]:
    return {
        str(task.id): BatchTask(
            state=_text(task.state),
            result=_text(task.execution_info.result) if task.execution_info else None,
            exit_code=task.execution_info.exit_code if task.execution_info else None,
        )
        async for task in batch.list_tasks(job_id)
    }


async def _files(outcome: Json, blobs: BlobServiceClient) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for file in outcome["results"]:
        container, _, name = unquote(urlsplit(file["uri"]).path).split("/", 2)[2].partition("/")
        try:
            content = await (await blobs.get_blob_client(container, name).download_blob()).readall()
        except ResourceNotFoundError:
            found[file["name"]] = None
        else:
            found[file["name"]] = content
    return found


async def _poison(queues: QueueServiceClient) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    async for queue in queues.list_queues():
        if not queue.name.endswith(POISON):
            continue
        client = queues.get_queue_client(queue.name)
        found[queue.name] = [
            str(message.content)
            async for message in client.receive_messages(messages_per_page=32, visibility_timeout=600)
        ]
    return found


def _ledgers(directory: Path) -> dict[str, dict[str, list[str]]]:
    return {folder.name: _ledger(folder) for folder in directory.iterdir()}


def _ledger(folder: Path) -> dict[str, list[str]]:
    files = (file for file in folder.iterdir() if file.suffix != ".mark")
    return {file.name: file.read_text().split() for file in files}


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
