"""Service logs: what the service knows about a node, uploaded to a blob container on request."""

import asyncio
import hashlib
import logging
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fakebatch.errors import StorageError
from fakebatch.execution.blob_storage import BlobStorage, blob_url
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.store import Store
from fakebatch.wire import service_clock, timestamps
from fakebatch.wire.shared_key import ACCOUNT_NAME

_log = logging.getLogger(__name__)

_NAME: Final = "agent-debug.log"


class ServiceLogs:
    """Uploads a log about a node: its state and the tasks it ran, one in a line."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._storage: BlobStorage | None = None
        self._uploads: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Cancel all uploads."""
        for upload in self._uploads:
            upload.cancel()
        await asyncio.gather(*self._uploads, return_exceptions=True)
        if self._storage is not None:
            await self._storage.close()

    def upload(self, pool: PoolEntity, node: NodeEntity, request: Mapping[str, Any]) -> tuple[str, int]:
        """Start to upload the logs of a node. Returns their virtual directory and the number of files.

        As in Azure, only the container shows whether the upload succeeded.
        """
        account = hashlib.sha256(ACCOUNT_NAME.encode()).hexdigest()[:16].upper()
        directory = f"batch-{account}/{pool.id}/{node.id}/{uuid.uuid4()}"
        text = self._text(pool, node, request)
        url = blob_url(request["containerUrl"], f"{directory}/{_NAME}")
        upload = asyncio.create_task(self._send(url, text))
        self._uploads.add(upload)
        upload.add_done_callback(self._uploads.discard)
        return directory, 1

    async def _send(self, url: str, text: str) -> None:
        self._storage = self._storage or BlobStorage()
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / _NAME
            file.write_text(text)
            try:
                await self._storage.upload(url, file, {"Content-Type": "text/plain"})
            except StorageError as error:
                _log.warning("the logs of a node could not be uploaded: %s", error)

    def _text(self, pool: PoolEntity, node: NodeEntity, request: Mapping[str, Any]) -> str:
        start = timestamps.from_iso(request["startTime"])
        end = timestamps.from_iso(request["endTime"]) if "endTime" in request else service_clock.now()
        lines = [(node.state_since, f"node {node.id} of pool {pool.id} is {node.state}")]
        for record in self._store.jobs:
            for task in record.tasks:
                where = task.placement
                if where is None or (where.pool_id, where.node_id) != (pool.id, node.id):
                    continue
                name = f"task {record.job.id}/{task.id}"
                if task.started_at is not None and start <= task.started_at <= end:
                    lines.append((task.started_at, f"{name} started"))
                if task.ended_at is not None and start <= task.ended_at <= end:
                    lines.append((task.ended_at, f"{name} ended: {task.result}, exit code {task.exit_code}"))
        return "".join(f"{timestamps.to_iso(at)} {text}\n" for at, text in sorted(lines))
