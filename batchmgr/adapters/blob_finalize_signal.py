"""The finalize blob of a job, written if the FinalizeTask can't write it. An existing blob is not changed."""

from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import ALREADY_THERE, service_errors


class BlobFinalizeSignal:
    """The FinalizeSignal port, on the finalize container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def write(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it exists."""
        with service_errors("Blob storage"):
            try:
                await self._container.get_blob_client(f"{job_id}.json").upload_blob(content.encode())
            except ALREADY_THERE:
                return
