"""What is kept of tasks in the containers of their jobs: stdout and stderr, which the nodes have uploaded."""

from collections.abc import Sequence

from azure.storage.blob.aio import BlobClient, BlobServiceClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.errors import ServiceError, ServiceNotFoundError
from batchmgr.model.task_file import TaskFile
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import KEPT_FILES, kept_blob

SERVICE = "Blob storage"


class BlobKeptFiles:
    """The TaskFiles port, on batchmgr's own storage account."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        """Return the files that are kept of a task."""
        found = [await self.find(job_id, task_id, name) for name in KEPT_FILES]
        return [file for file in found if file is not None][:limit]

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        """Return what is known of one file, or None if it is not kept."""
        if path not in KEPT_FILES:
            return None
        try:
            with service_errors(SERVICE):
                facts = await self._blob(job_id, task_id, path).get_blob_properties()
        except ServiceNotFoundError:
            return None
        return TaskFile(path=path, size=facts.size, last_modified=facts.last_modified)

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        """Return these bytes of a file."""
        if start >= end or path not in KEPT_FILES:
            return b""
        try:
            with service_errors(SERVICE):
                blob = self._blob(job_id, task_id, path)
                return await (await blob.download_blob(offset=start, length=end - start)).readall()
        except ServiceNotFoundError:
            return b""
        except ServiceError as error:
            if error.status == 416:
                return b""
            raise

    def _blob(self, job_id: str, task_id: str, path: str) -> BlobClient:
        return self._service.get_blob_client(job_container(job_id), kept_blob(task_id, path))
