"""The job store: requests, records and the index of active jobs, as blobs of one container.

`requests/{job}.json` holds the job message, with the callback URI. `tasks/{job}.json` holds the names of the
blobs of a taskPerFile factory. `plans/{job}.jsonl` holds the plan that a workload has made: see `keep_plan`.
`receivers/{job}/{key}` holds the callback URI of a receiver that was attached later.
`records/{job}.json` holds the record, guarded by its ETag. `active/{job}` is an empty blob that exists while
the job has a step to do; its metadata hold what the poller knows of the job. `overflow/{job}/…` hold the
parts of records that are too large for one blob; the record names the one that belongs to it, and the others
are left over.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters import job_blob_names as names
from batchmgr.adapters.active_notes import read_note, write_note
from batchmgr.adapters.service_errors import ALREADY_THERE, service_errors
from batchmgr.errors import (
    JobNotFoundError,
    RecordChangedError,
    ServiceConflictError,
    ServiceNotFoundError,
    ServiceRefusedError,
)
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_record import JobRecord
from batchmgr.model.record_overflow import Overflow, fits, join, split
from batchmgr.model.retention import EndedJob
from batchmgr.plan.ids import job_key
from batchmgr.ports import Versioned
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import decode_stored, stamp

SERVICE = "Blob storage"
BLOCK = 1024 * 1024
"""How many bytes of a plan are sent or fetched at once. aiohttp warns of larger bodies."""

NOT_MODIFIED = 304
LOADS = 5
"""How often a record is loaded again, if its overflow was replaced in the meantime."""

logger = logging.getLogger(__name__)

prepare(JobRecord, Overflow)


class BlobJobStore:
    """The JobStore port, on a blob container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage | None:
        """Store the request unless one is stored for this job: then return that one."""
        stored = msgspec.structs.replace(message, job_id=job_id)
        with service_errors(SERVICE):
            try:
                await self._request(job_id).upload_blob(stamp(msgspec.json.encode(stored)))
            except ALREADY_THERE:
                return await self.load_request(job_id)
        return None

    async def load_request(self, job_id: str) -> JobMessage:
        """Return the stored request. Raise JobNotFoundError if there is none."""
        body, _ = await self._read(self._request(job_id), job_id)
        return decode_stored(body, JobMessage, f"the request of job {job_id!r}")

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

    async def save_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Store the plan in blocks, unless one is stored. Return whether this one was."""
        blob, block = self._blob(names.plan_name(job_id)), file.read(BLOCK)
        with service_errors(SERVICE):
            try:
                if len(block) < BLOCK:
                    await blob.upload_blob(block)
                else:
                    await self._upload_blocks(blob, block, file)
            except ALREADY_THERE:
                return False
        return True

    async def load_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Write the stored plan into a file, block by block. Return whether there is one."""
        blob, end = self._blob(names.plan_name(job_id)), 1
        try:
            with service_errors(SERVICE):
                while file.tell() < end:
                    stream = await blob.download_blob(offset=file.tell(), length=BLOCK)
                    file.write(await stream.readall())
                    end = int(str(stream.properties.content_range).rpartition("/")[2])
        except ServiceNotFoundError:
            return False
        return True

    async def save_receiver(self, job_id: str, key: str, uri: str) -> None:
        """Store the URI of an attached receiver. It is the same each time, as its key is made of it."""
        with service_errors(SERVICE):
            await self._receiver(job_id, key).upload_blob(uri.encode(), overwrite=True)

    async def load_receiver(self, job_id: str, key: str) -> str:
        """Return the URI of an attached receiver. Raise JobNotFoundError if there is none."""
        return (await self._read(self._receiver(job_id, key), job_id))[0].decode()

    async def activate(self, job_id: str, *, followed_until: datetime | None = None) -> None:
        """Write the job's blob in the index of active jobs, with no note but that it is followed."""
        entry = ActiveJob(job_id=job_id, followed_until=followed_until)
        note = write_note(entry) if followed_until is not None else None
        with service_errors(SERVICE):
            await self._active(job_id).upload_blob(b"", overwrite=True, metadata=note)

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        """Store the record unless one is stored. Return the stored one."""
        with service_errors(SERVICE):
            try:
                record, body = await self._written(record)
                answer = await self._record(record.job_id).upload_blob(body, metadata=_metadata(record))
            except ALREADY_THERE:
                return await self.load(record.job_id)
        return Versioned(value=record, etag=str(answer["etag"]))

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        """Return the record and its ETag. Raise JobNotFoundError if there is none."""
        return await self._load(job_id, "")

    async def load_changed(self, job_id: str, etag: str) -> Versioned[JobRecord] | None:
        """Return the record if its ETag is not this one, else None. Raise JobNotFoundError."""
        try:
            return await self._load(job_id, etag)
        except ServiceRefusedError as error:
            if error.status != NOT_MODIFIED:
                raise
            return None

    async def load_small(self, job_id: str) -> JobRecord | None:
        """Return the record without what is in another blob; None if there is none."""
        try:
            body, _ = await self._read(self._record(job_id), job_id)
        except JobNotFoundError:
            return None
        return decode_stored(body, JobRecord, f"the record of job {job_id!r}")

    async def _load(self, job_id: str, known: str) -> Versioned[JobRecord]:
        """Return the record. An ETag that is `known` is the condition that it has another one."""
        for _ in range(LOADS):
            body, etag = await self._read(self._record(job_id), job_id, known)
            record = decode_stored(body, JobRecord, f"the record of job {job_id!r}")
            if not record.overflow:
                return Versioned(value=record, etag=etag)
            try:
                parts, _ = await self._read(self._blob(record.overflow), job_id)
                overflow = decode_stored(parts, Overflow, f"the record of job {job_id!r}")
                return Versioned(value=join(record, overflow), etag=etag)
            except JobNotFoundError:
                continue  # somebody else has saved the record since
        logger.error("job %s: %s is missing, with lists of its outcome", job_id, record.overflow)
        return Versioned(value=record, etag=etag)

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store the record. Raise RecordChangedError if somebody else has saved it since `etag`."""
        replaced = record.overflow
        with service_errors(SERVICE):
            record, body = await self._written(record)
            try:
                answer: dict[str, Any] = await self._record(record.job_id).upload_blob(
                    body,
                    overwrite=True,
                    metadata=_metadata(record),
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError as error:
                raise RecordChangedError(
                    f"the record of job {record.job_id!r} has changed: load it again"
                ) from error
            if replaced:
                await self._delete(self._blob(replaced))
        return Versioned(value=record, etag=str(answer["etag"]))

    async def list_ids(self, limit: int, token: str) -> tuple[Sequence[str], str]:
        """Return the ids of a page of records, and the token of the next page."""
        with service_errors(SERVICE):
            listing = self._container.list_blob_names(name_starts_with=names.RECORDS, results_per_page=limit)
            pages = listing.by_page(continuation_token=token or None)
            found: list[str] = []
            async for page in pages:
                found = [name async for name in page]
                break
        ids = [name.removeprefix(names.RECORDS).removesuffix(names.RECORD_END) for name in found]
        return ids, getattr(pages, "continuation_token", None) or ""

    async def active_jobs(self) -> AsyncIterator[ActiveJob]:
        """Yield the active jobs with their notes. A note that can't be read counts as none."""
        with service_errors(SERVICE):
            async for blob in self._container.list_blobs("active/", include=["metadata"]):
                yield read_note(blob, blob.name.removeprefix("active/"))

    async def note_active(self, job: ActiveJob) -> None:
        """Write a note into the metadata of the job's blob in the index, if that has the ETag."""
        if not job.etag:
            return
        try:
            with service_errors(SERVICE):
                await self._active(job.job_id).set_blob_metadata(
                    write_note(job), etag=job.etag, match_condition=MatchConditions.IfNotModified
                )
        except (ServiceNotFoundError, ServiceConflictError):
            return

    async def deactivate(self, job_id: str) -> None:
        """Remove the job from the index of active jobs, and what is left over of its records."""
        with service_errors(SERVICE):
            prefix = names.overflow_folder(job_id)
            left = [name async for name in self._container.list_blob_names(name_starts_with=prefix)]
            record = await self.load_small(job_id) if left else None
            for name in left:
                if record is None or name != record.overflow:
                    await self._delete(self._blob(name))
            await self._delete(self._active(job_id))

    async def _upload_blocks(self, blob: BlobClient, block: bytes, file: BinaryIO) -> None:
        # The client would read up to 64 MiB at once. Its block ids are the same for every writer: two that
        # write at the same time would mix their blocks.
        writer, blocks = secrets.token_hex(8), list[BlobBlock]()
        while block:
            blocks.append(BlobBlock(f"{writer}-{len(blocks):06}"))
            await blob.stage_block(blocks[-1].id, block)
            block = file.read(BLOCK)
        await blob.commit_block_list(blocks, match_condition=MatchConditions.IfMissing)

    async def _written(self, record: JobRecord) -> tuple[JobRecord, bytes]:
        """Store the parts of a record that is too large; return it as it is now, and the body of its blob.

        The name is new each time: until the record is saved, it names the parts that belong to it.
        """
        record = msgspec.structs.replace(record, overflow="")
        body = stamp(msgspec.json.encode(record))
        if fits(body):
            return record, body
        name = f"{names.overflow_folder(record.job_id)}{secrets.token_hex(8)}.json"
        small, parts = split(record, name)
        await self._blob(name).upload_blob(stamp(msgspec.json.encode(parts)))
        return msgspec.structs.replace(record, overflow=name), stamp(msgspec.json.encode(small))

    async def _delete(self, blob: BlobClient) -> None:
        try:
            with service_errors(SERVICE):
                await blob.delete_blob()
        except ServiceNotFoundError:
            return

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(name)

    async def _read(self, blob: BlobClient, job_id: str, known: str = "") -> tuple[bytes, str]:
        condition: dict[str, Any] = (
            {"etag": known, "match_condition": MatchConditions.IfModified} if known else {}
        )
        try:
            with service_errors(SERVICE):
                stream = await blob.download_blob(**condition)
                return await stream.readall(), str(stream.properties.etag)
        except ServiceNotFoundError as error:
            raise JobNotFoundError(job_id) from error

    def _request(self, job_id: str) -> BlobClient:
        return self._blob(names.request_name(job_id))

    def _tasks(self, job_id: str) -> BlobClient:
        return self._blob(names.tasks_name(job_id))

    def _receiver(self, job_id: str, key: str) -> BlobClient:
        return self._container.get_blob_client(f"{names.receivers_folder(job_id)}{key}")

    def _record(self, job_id: str) -> BlobClient:
        return self._blob(names.record_name(job_id))

    def _active(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"active/{job_key(job_id)}")


def _metadata(record: JobRecord) -> dict[str, str] | None:
    """Return what the listing of the records shows of a job that has ended."""
    if not record.state.is_final:
        return None
    return {names.ENDED: msgspec.json.encode(EndedJob.of(record)).decode()}
