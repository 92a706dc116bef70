"""The statuses of webhooks, as blobs `webhooks/{job}/{number}.json`, each guarded by its ETag."""

from typing import Any

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.job_blob_names import webhooks_folder
from batchmgr.adapters.service_errors import ALREADY_THERE, delete_if_there, service_errors
from batchmgr.errors import RecordChangedError, ServiceNotFoundError
from batchmgr.model.webhook import WebhookStatus
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import decode_stored, stamp

SERVICE = "Blob storage"

prepare(WebhookStatus)


class BlobWebhookStatuses:
    """The WebhookStatuses port, on the container of the job store."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def load(self, job_id: str, number: int) -> WebhookStatus:
        """Return the content of the blob, or a new status."""
        try:
            with service_errors(SERVICE):
                stream = await self._blob(job_id, number).download_blob()
                body, etag = await stream.readall(), str(stream.properties.etag)
        except ServiceNotFoundError:
            return WebhookStatus()
        status = decode_stored(body, WebhookStatus, f"a webhook of job {job_id!r}")
        return msgspec.structs.replace(status, etag=etag)

    async def save(self, job_id: str, number: int, status: WebhookStatus) -> WebhookStatus:
        """Write the blob if it has the ETag of the status, or if there is none and it has none."""
        body = stamp(msgspec.json.encode(msgspec.structs.replace(status, etag="")))
        condition: dict[str, Any] = {}
        if status.etag:
            condition = {
                "overwrite": True,
                "etag": status.etag,
                "match_condition": MatchConditions.IfNotModified,
            }
        with service_errors(SERVICE):
            try:
                answer = await self._blob(job_id, number).upload_blob(body, **condition)
            except (*ALREADY_THERE, ResourceModifiedError, ResourceNotFoundError) as error:
                raise RecordChangedError(f"a webhook of job {job_id!r} has changed") from error
        return msgspec.structs.replace(status, etag=str(answer["etag"]))

    async def delete(self, job_id: str) -> None:
        """Delete the blobs."""
        folder = webhooks_folder(job_id)
        with service_errors(SERVICE):
            names = [name async for name in self._container.list_blob_names(name_starts_with=folder)]
        for name in names:
            await delete_if_there(self._container.delete_blob(name), SERVICE)

    def _blob(self, job_id: str, number: int) -> BlobClient:
        return self._container.get_blob_client(f"{webhooks_folder(job_id)}{number}.json")
