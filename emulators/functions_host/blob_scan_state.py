"""What a blob scan remembers over restarts: when the latest blob that it found in a container was modified.

It is kept in `blobscaninfo/{hostId}/{account}/{container}/scanInfo`, in the container `azure-webjobs-hosts`.
"""

import json
import logging
from datetime import datetime, timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from functions_host.local_time import to_local

_log = logging.getLogger(__name__)


class BlobScanState:
    """The state of the scan of one container."""

    def __init__(
        self, host_container: ContainerClient, host_id: str, blobs: BlobServiceClient, container: str
    ) -> None:
        name = f"blobscaninfo/{host_id}/{blobs.account_name}/{container}/scanInfo"
        self._blob = host_container.get_blob_client(name)

    async def load(self) -> datetime | None:
        """Return when the latest blob was modified. It is None before the first scan.

        Raises ValueError for what the real host cannot parse either.
        """
        try:
            content = await (await self._blob.download_blob()).readall()
        except ResourceNotFoundError:
            return None
        document = json.loads(content) if content.strip() else None
        if document is None:
            return None
        if not isinstance(document, dict) or not isinstance(document.get("LatestScan"), str):
            raise ValueError(f"'{self._blob.blob_name}' is not the state of a scan: {content[:100]!r}")
        return to_local(datetime.fromisoformat(document["LatestScan"]))

    async def save(self, latest: datetime) -> None:
        """Store when the latest blob was modified. A storage error is only logged: the scan goes on."""
        # Moments of storage are whole seconds, so more blobs of the same second may come.
        document = {"LatestScan": (latest - timedelta(milliseconds=1)).isoformat()}
        try:
            await self._blob.upload_blob(json.dumps(document).encode(), overwrite=True)
        except AzureError:
            _log.exception("The state of the scan '%s' cannot be written", self._blob.blob_name)
