"""The files that a job's tasks and batchmgr exchange, in the job's own container: reports, manifest, plan."""

import logging
from collections.abc import Sequence
from urllib.parse import unquote

from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters.job_containers import has_job_container, make_job_container, taken
from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.errors import FileTooLargeError, ServiceConflictError, ServiceError, ServiceNotFoundError
from batchmgr.model.task_progress import ProgressReport, progress_report
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER

SERVICE = "Blob storage"

logger = logging.getLogger(__name__)


class BlobJobFiles:
    """The JobFiles port, on batchmgr's own storage account."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    async def read(self, job_id: str, path: str, max_bytes: int) -> bytes | None:
        """Return the content of a blob, or None if it does not exist. Read one byte too many at most."""
        try:
            with service_errors(SERVICE):
                blob = self._container(job_id).get_blob_client(path)
                body = await (await blob.download_blob(offset=0, length=max_bytes + 1)).readall()
        except ServiceNotFoundError:
            return None
        except ServiceError as error:
            if error.status == 416:  # the blob is empty, and has no first byte
                return b""
            raise
        if len(body) > max_bytes:
            raise FileTooLargeError(path, max_bytes)
        return body

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Write a blob, over what a task may have left there."""
        try:
            is_own = await has_job_container(self._service, job_id)
        except ServiceNotFoundError:
            is_own = await make_job_container(self._service, job_id)
        if not is_own:
            raise ServiceConflictError(taken(job_id), code="ContainerTaken", status=409)
        with service_errors(SERVICE):
            await self._container(job_id).get_blob_client(path).upload_blob(content, overwrite=True)

    def uri(self, job_id: str, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        return str(self._container(job_id).get_blob_client(path).url.partition("?")[0])

    async def delete(self, job_id: str) -> None:
        """Delete the container of the job. Its name is free again half a minute later.

        One that belongs to somebody else stays.
        """
        try:
            if await has_job_container(self._service, job_id):
                await delete_if_there(self._container(job_id).delete_container(), SERVICE)
        except ServiceNotFoundError:
            return

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        """Return the newest report of each task. All of it is in the metadata, so one listing is enough."""
        found: list[ProgressReport] = []
        try:
            with service_errors(SERVICE):
                listing = self._container(job_id).list_blobs(f"{REPORTS_FOLDER}/", include=["metadata"])
                async for blob in listing:
                    report = _report(blob)
                    if len(found) == limit:
                        logger.warning("job %s has more than %d progress reports", job_id, limit)
                        break
                    if report is not None:
                        found.append(report)
        except ServiceNotFoundError:
            return []
        return found

    def _container(self, job_id: str) -> ContainerClient:
        return self._service.get_container_client(job_container(job_id))


def _report(blob: BlobProperties) -> ProgressReport | None:
    facts = {name.lower(): text or "" for name, text in (blob.metadata or {}).items()}
    try:
        fraction: float | None = float(facts["fraction"])
    except (KeyError, ValueError):
        fraction = None
    return progress_report(
        task_id=blob.name.removeprefix(f"{REPORTS_FOLDER}/").removesuffix(".json"),
        version=str(blob.etag).strip('"'),
        time=blob.last_modified,
        fraction=fraction,
        message=unquote(facts.get("message", "")),
        result_key=facts.get("result", ""),
    )
