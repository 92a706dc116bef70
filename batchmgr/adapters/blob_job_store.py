"""The job store: requests, records and the index of active jobs, as blobs of one container.

`requests/{job}.json` holds the job message, with the callback URI. `tasks/{job}.json` holds the tasks that
the message does not list: those of a job manager task or of a taskPerFile factory. `records/{job}.json` holds
the record, guarded by its ETag. `active/{job}` is an empty blob that exists while the job has a step to do.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.service_errors import ALREADY_THERE, service_errors
from batchmgr.errors import JobNotFoundError, RecordChangedError, ServiceNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.ids import job_key
from batchmgr.ports import Versioned
from batchmgr.wire.job_message import JobMessage

SERVICE = "Blob storage"


class BlobJobStore:
    """The JobStore port, on a blob container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage:
        """Store the request unless one is stored for this job; return the stored one."""
        stored = msgspec.structs.replace(message, job_id=job_id)
        with service_errors(SERVICE):
            try:
                await self._request(job_id).upload_blob(msgspec.json.encode(stored))
            except ALREADY_THERE:
                return await self.load_request(job_id)
        return stored

    async def load_request(self, job_id: str) -> JobMessage:
        """Return the stored request. Raise JobNotFoundError if there is none."""
        body, _ = await self._read(self._request(job_id), job_id)
        return msgspec.json.decode(body, type=JobMessage)

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        """Store the tasks of the job unless some are stored; return the stored ones."""
        with service_errors(SERVICE):
            try:
                await self._tasks(job_id).upload_blob(body)
            except ALREADY_THERE:
                return (await self._read(self._tasks(job_id), job_id))[0]
        return body

    async def load_tasks(self, job_id: str) -> bytes | None:
        """Return the stored tasks, or None."""
        try:
            return (await self._read(self._tasks(job_id), job_id))[0]
        except JobNotFoundError:
            return None

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        """Mark the job active, then store its record, unless one is stored; return the stored one."""
        try:
            return await self.load(record.job_id)
        except JobNotFoundError:
            pass
        with service_errors(SERVICE):
            await self._active(record.job_id).upload_blob(b"", overwrite=True)
            try:
                answer = await self._record(record.job_id).upload_blob(msgspec.json.encode(record))
            except ALREADY_THERE:
                return await self.load(record.job_id)
        return Versioned(value=record, etag=str(answer["etag"]))

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        """Return the record and its ETag. Raise JobNotFoundError if there is none."""
        body, etag = await self._read(self._record(job_id), job_id)
        return Versioned(value=msgspec.json.decode(body, type=JobRecord), etag=etag)

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store the record. Raise RecordChangedError if somebody else has saved it since `etag`."""
        with service_errors(SERVICE):
            try:
                answer: dict[str, Any] = await self._record(record.job_id).upload_blob(
                    msgspec.json.encode(record),
                    overwrite=True,
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError as error:
                raise RecordChangedError(
                    f"the record of job {record.job_id!r} has changed: load it again"
                ) from error
        return Versioned(value=record, etag=str(answer["etag"]))

    async def list_records(self, limit: int, after: str) -> tuple[Sequence[JobRecord], str]:
        """Return a page of records and the token of the next page. The records are loaded concurrently."""
        with service_errors(SERVICE):
            listing = self._container.list_blob_names(name_starts_with="records/", results_per_page=limit)
            pages = listing.by_page(continuation_token=after or None)
            names: list[str] = []
            async for page in pages:
                names = [name async for name in page]
                break
        ids = [name.removeprefix("records/").removesuffix(".json") for name in names]
        found = await asyncio.gather(*(self.load(job_id) for job_id in ids))
        return [job.value for job in found], getattr(pages, "continuation_token", None) or ""

    async def active_ids(self) -> AsyncIterator[str]:
        """Yield the keys of the active jobs: their ids in lower case."""
        with service_errors(SERVICE):
            async for name in self._container.list_blob_names(name_starts_with="active/"):
                yield name.removeprefix("active/")

    async def deactivate(self, job_id: str) -> None:
        """Remove the job from the index of active jobs, if it is there."""
        try:
            with service_errors(SERVICE):
                await self._active(job_id).delete_blob()
        except ServiceNotFoundError:
            return

    async def _read(self, blob: BlobClient, job_id: str) -> tuple[bytes, str]:
        try:
            with service_errors(SERVICE):
                stream = await blob.download_blob()
                return await stream.readall(), str(stream.properties.etag)
        except ServiceNotFoundError as error:
            raise JobNotFoundError(job_id) from error

    def _request(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"requests/{job_key(job_id)}.json")

    def _tasks(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"tasks/{job_key(job_id)}.json")

    def _record(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"records/{job_key(job_id)}.json")

    def _active(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"active/{job_key(job_id)}")
