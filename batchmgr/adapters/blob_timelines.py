"""What is kept of timelines, as blobs `timelines/{job}` of the container of the job store."""

from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import delete_if_there, service_errors
from batchmgr.errors import ServiceNotFoundError
from batchmgr.plan.ids import job_key

SERVICE = "Blob storage"
FOLDER = "timelines/"


class BlobTimelines:
    """The Timelines port, on a blob container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def load(self, job_id: str) -> bytes | None:
        """Return the content of the blob, or None."""
        try:
            with service_errors(SERVICE):
                stream = await self._container.download_blob(FOLDER + job_key(job_id))
                return await stream.readall()
        except ServiceNotFoundError:
            return None

    async def save(self, job_id: str, body: bytes) -> None:
        """Write the blob."""
        with service_errors(SERVICE):
            await self._container.upload_blob(FOLDER + job_key(job_id), body, overwrite=True)

    async def delete(self, job_id: str) -> None:
        """Delete the blob, if it is there."""
        await delete_if_there(self._container.delete_blob(FOLDER + job_key(job_id)), SERVICE)
