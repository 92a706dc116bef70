"""What is known of the failed tasks of each job, in a blob beside its record."""

from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.job_blob_names import failures_name
from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.errors import ServiceNotFoundError

SERVICE = "Blob storage"


class BlobFailures:
    """The KnownFailures port, on the container of the job store."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def load(self, job_id: str) -> bytes | None:
        """Return what is stored of a job, or None."""
        try:
            with service_errors(SERVICE):
                return await (await self._blob(job_id).download_blob()).readall()
        except ServiceNotFoundError:
            return None

    async def save(self, job_id: str, body: bytes) -> None:
        """Store what is known of a job."""
        with service_errors(SERVICE):
            await self._blob(job_id).upload_blob(body, overwrite=True)

    async def delete(self, job_id: str) -> None:
        """Delete what is stored of a job."""
        await delete_if_there(self._blob(job_id).delete_blob(), SERVICE)

    def _blob(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(failures_name(job_id))
