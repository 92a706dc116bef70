"""The list of jobs: an empty blob `list/{part}/{key}` for each, whose metadata hold what a job is found by.

Storage lists blobs in the order of their names, so the newest job comes first. If the metadata of a job are
too large, they are left out: then its record has to be looked into.
"""

import json
import logging
from collections.abc import Sequence

import msgspec
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.wire.json_codec import prepare

SERVICE = "Blob storage"
FOLDER = "list/"
FIELD = "entry"

MAX_ENTRY = 7 * 1024
"""How many bytes the metadata of a blob hold. Storage takes 8 KiB. Those of a job may be longer: they are
8 KiB of JSON at most, and here each letter beyond ASCII takes six bytes or more."""

logger = logging.getLogger(__name__)


class _Facts(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the name of the blob does not say."""

    job_id: str
    workload: str | None = None
    metadata: dict[str, str] | None = None


prepare(_Facts)


class BlobJobList:
    """The JobList port, on the container of the job store."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def add(self, entry: JobEntry) -> None:
        """Write the blob of the entry."""
        with service_errors(SERVICE):
            await self._container.upload_blob(_name(entry), b"", overwrite=True, metadata=_written(entry))

    async def remove(self, entry: JobEntry) -> None:
        """Delete the blob of the entry, if it is there."""
        await delete_if_there(self._container.delete_blob(_name(entry)), SERVICE)

    async def keys(self, part: ListPart, token: str) -> tuple[Sequence[str], str]:
        """List one page of the names of blobs, which takes a fraction of the time."""
        folder, found = f"{FOLDER}{part}/", list[str]()
        with service_errors(SERVICE):
            pages = self._container.list_blob_names(name_starts_with=folder).by_page(token or None)
            async for page in pages:
                found = [name async for name in page]
                break
        return [name.removeprefix(folder) for name in found], getattr(pages, "continuation_token", None) or ""

    async def page(self, part: ListPart, limit: int, token: str) -> tuple[Sequence[JobEntry], str]:
        """List one page of blobs. Leave out what is no entry."""
        folder, found = f"{FOLDER}{part}/", list[BlobProperties]()
        with service_errors(SERVICE):
            listing = self._container.list_blobs(folder, include=["metadata"], results_per_page=limit)
            pages = listing.by_page(continuation_token=token or None)
            async for page in pages:
                found = [blob async for blob in page]
                break
        entries = [entry for blob in found if (entry := _read(blob, part, folder)) is not None]
        return entries, getattr(pages, "continuation_token", None) or ""


def _name(entry: JobEntry) -> str:
    return f"{FOLDER}{entry.part}/{entry.key}"


def _written(entry: JobEntry) -> dict[str, str]:
    """Return the metadata of an entry, in ASCII, as headers are."""
    facts = _Facts(job_id=entry.job_id, workload=entry.workload, metadata=entry.metadata)
    text = json.dumps(msgspec.to_builtins(facts), separators=(",", ":"))
    if len(text) > MAX_ENTRY:
        text = json.dumps({"jobId": entry.job_id})
    return {FIELD: text}


def _read(blob: BlobProperties, part: ListPart, folder: str) -> JobEntry | None:
    entry = JobEntry.of_key(blob.name.removeprefix(folder), part)
    if entry is None:
        logger.warning("the blob %s is no entry of the list of jobs", blob.name)
        return None
    try:
        facts = msgspec.json.decode((blob.metadata or {}).get(FIELD, ""), type=_Facts)
    except msgspec.MsgspecError:
        return entry
    return msgspec.structs.replace(
        entry, job_id=facts.job_id, workload=facts.workload, metadata=facts.metadata
    )
