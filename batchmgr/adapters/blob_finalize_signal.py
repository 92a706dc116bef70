"""The finalize blob of a job, written if the FinalizeTask can't write it. An existing blob is not changed."""

from collections.abc import Sequence
from datetime import datetime

from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.old_blobs import old_blobs
from batchmgr.adapters.service_errors import ALREADY_THERE, delete_if_there, service_errors

SERVICE = "Blob storage"


class BlobFinalizeSignal:
    """The FinalizeSignal port, on the finalize container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def write(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it exists."""
        with service_errors(SERVICE):
            try:
                await self._container.get_blob_client(f"{job_id}.json").upload_blob(content.encode())
            except ALREADY_THERE:
                return

    async def delete(self, job_id: str) -> None:
        """Delete the job's finalize blob, if there is one."""
        await delete_if_there(self._container.get_blob_client(f"{job_id}.json").delete_blob(), SERVICE)

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the jobs of the first blobs that were written before a time."""
        names = await old_blobs(self._container, before, limit, suffix=".json")
        return [name.removesuffix(".json") for name in names]
