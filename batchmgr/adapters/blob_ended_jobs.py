"""Jobs that have ended: found by the metadata of their records, which a listing shows, and deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters import job_blob_names as names
from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.errors import RecordChangedError, ServiceNotFoundError
from batchmgr.model.retention import EndedJob, RetentionPlace
from batchmgr.plan.ids import is_valid_id
from batchmgr.wire.json_codec import prepare

SERVICE = "Blob storage"

prepare(EndedJob, RetentionPlace)


class BlobEndedJobs:
    """The EndedJobs port, on the container of the job store."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def page(self, token: str) -> tuple[Sequence[EndedJob], str]:
        """Return a page of jobs that have ended, or whose records do not say whether they have."""
        with service_errors(SERVICE):
            listing = self._container.list_blobs(names.RECORDS, include=["metadata"])
            pages = listing.by_page(continuation_token=token or None)
            blobs: list[BlobProperties] = []
            async for page in pages:
                blobs = [blob async for blob in page]
                break
        return [_ended(blob) for blob in blobs], getattr(pages, "continuation_token", None) or ""

    async def place(self) -> RetentionPlace:
        """Return where the last round was stopped."""
        try:
            with service_errors(SERVICE):
                body = await (await self._container.download_blob(names.RETENTION_PLACE)).readall()
            return msgspec.json.decode(body, type=RetentionPlace)
        except (ServiceNotFoundError, msgspec.MsgspecError):
            return RetentionPlace()

    async def save_place(self, place: RetentionPlace) -> None:
        """Store where the next round begins."""
        with service_errors(SERVICE):
            body = msgspec.json.encode(place)
            await self._container.upload_blob(names.RETENTION_PLACE, body, overwrite=True)

    async def parts(self, before: datetime, token: str) -> tuple[Sequence[str], str]:
        """List a page of one folder after the other. The token says which, and where in it."""
        number, _, inner = token.partition(":")
        folder = int(number) if number else 0
        with service_errors(SERVICE):
            pages = self._container.list_blobs(names.PARTS[folder]).by_page(inner or None)
            blobs: list[BlobProperties] = []
            async for page in pages:
                blobs = [blob async for blob in page]
                break
        keys = {names.key_of_part(blob.name) for blob in blobs if blob.last_modified < before}
        found = sorted(filter(is_valid_id, keys))
        if following := getattr(pages, "continuation_token", None):
            return found, f"{folder}:{following}"
        return found, f"{folder + 1}:" if folder + 1 < len(names.PARTS) else ""

    async def request_etag(self, job_id: str) -> str:
        """Return the ETag of the stored request."""
        try:
            with service_errors(SERVICE):
                blob = self._container.get_blob_client(names.request_name(job_id))
                return str((await blob.get_blob_properties()).etag)
        except ServiceNotFoundError:
            return ""

    async def delete_parts(self, job_id: str) -> None:
        """Delete the tasks, the plan, all overflow, and the URIs of receivers of the job."""
        found: list[str] = []
        with service_errors(SERVICE):
            for folder in (names.overflow_folder(job_id), names.receivers_folder(job_id)):
                found += [name async for name in self._container.list_blob_names(name_starts_with=folder)]
        for name in (names.tasks_name(job_id), names.plan_name(job_id), *found):
            await delete_if_there(self._container.delete_blob(name), SERVICE)

    async def delete_request(self, job_id: str, etag: str) -> None:
        """Delete the request if it has this ETag."""
        if etag:
            await self._delete(names.request_name(job_id), etag)

    async def delete_record(self, job_id: str, etag: str) -> None:
        """Delete the record. Raise RecordChangedError if it has changed."""
        if not await self._delete(names.record_name(job_id), etag):
            raise RecordChangedError(f"the record of job {job_id!r} has changed: load it again")

    async def _delete(self, name: str, etag: str) -> bool:
        """Delete a blob that has this ETag. Return False if it has another one."""
        blob = self._container.get_blob_client(name)
        with service_errors(SERVICE):
            try:
                await blob.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
            except ResourceNotFoundError:
                return True
            except ResourceModifiedError:  # Azurite also says so of a blob that is gone
                return not await blob.exists()
        return True


def _ended(blob: BlobProperties) -> EndedJob:
    """Return what the listing shows. Of a record without metadata, it shows only when it has changed last."""
    job_id = blob.name.removeprefix(names.RECORDS).removesuffix(names.RECORD_END)
    try:
        ended = msgspec.json.decode((blob.metadata or {}).get(names.ENDED, ""), type=EndedJob)
    except msgspec.MsgspecError:
        ended = EndedJob(ended_at=blob.last_modified.astimezone(UTC))
    return msgspec.structs.replace(ended, job_id=job_id)
