"""The files that a job's tasks and batchmgr exchange, in the job's own container: reports, manifest, plan."""

import math
from collections.abc import Sequence
from urllib.parse import unquote

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters.service_errors import ALREADY_THERE, create_unless_exists, service_errors
from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.task_progress import ProgressReport
from batchmgr.plan.cut_text import cut
from batchmgr.plan.ids import is_valid_id, job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.workload.progress_reporter import MAX_MESSAGE

SERVICE = "Blob storage"
MAX_KEY = 32


class BlobJobFiles:
    """The JobFiles port, on batchmgr's own storage account."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    async def read(self, job_id: str, path: str) -> bytes | None:
        """Return the content of a blob, or None if it does not exist."""
        try:
            with service_errors(SERVICE):
                blob = await self._container(job_id).get_blob_client(path).download_blob()
                return await blob.readall()
        except ServiceNotFoundError:
            return None

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Write a blob unless it exists."""
        container = self._container(job_id)
        with service_errors(SERVICE):
            try:
                await container.get_blob_client(path).upload_blob(content)
            except ResourceNotFoundError:
                await create_unless_exists(container.create_container())
                await container.get_blob_client(path).upload_blob(content, overwrite=True)
            except ALREADY_THERE:
                return

    def uri(self, job_id: str, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        return str(self._container(job_id).get_blob_client(path).url.partition("?")[0])

    async def reports(self, job_id: str) -> Sequence[ProgressReport]:
        """Return the newest report of each task. All of it is in the metadata, so one listing is enough."""
        try:
            with service_errors(SERVICE):
                listing = self._container(job_id).list_blobs(f"{REPORTS_FOLDER}/", include=["metadata"])
                reports = [_report(blob) async for blob in listing]
                return [report for report in reports if report is not None]
        except ServiceNotFoundError:
            return []

    def _container(self, job_id: str) -> ContainerClient:
        return self._service.get_container_client(job_container(job_id))


def _report(blob: BlobProperties) -> ProgressReport | None:
    # Tasks can write anything here: ignore what is not a report, and cut what is too long.
    task_id = blob.name.removeprefix(f"{REPORTS_FOLDER}/").removesuffix(".json")
    if not is_valid_id(task_id):
        return None
    facts = {name.lower(): text or "" for name, text in (blob.metadata or {}).items()}
    try:
        fraction = float(facts["fraction"])
    except (KeyError, ValueError):
        fraction = math.nan
    return ProgressReport(
        task_id=task_id,
        sequence=facts.get("sequence", "")[:MAX_KEY],
        time=blob.last_modified,
        fraction=fraction if 0 <= fraction <= 1 else None,
        message=cut(unquote(facts.get("message", "")), MAX_MESSAGE),
        result_key=facts.get("result", "")[:MAX_KEY],
    )
