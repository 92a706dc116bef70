"""The files that a job's tasks and batchmgr exchange, in the folder of the job's own container."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from batchmgr.model.task_progress import ProgressReport
from batchmgr.plan.ids import is_valid_id, job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.wire.json_codec import prepare


class _Content(msgspec.Struct, frozen=True):
    """The JSON of a task's report."""

    message: str = ""
    fraction: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    result: dict[str, Any] | None = None


prepare(_Content)


class FolderJobFiles:
    """The JobFiles port on the folder of a storage account."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage

    async def read(self, job_id: str, path: str) -> bytes | None:
        """Return the content of a blob of the job, or None if there is no such blob."""
        blob = self._folder(job_id) / path
        return blob.read_bytes() if blob.is_file() else None

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Write a blob, unless it exists."""
        blob = self._folder(job_id) / path
        if not blob.exists():
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)

    def uri(self, job_id: str, path: str) -> str:
        """Return the `file` URI of a blob."""
        return (self._folder(job_id) / path).as_uri()

    async def reports(self, job_id: str) -> Sequence[ProgressReport]:
        """Return the newest report of each task."""
        paths = sorted((self._folder(job_id) / REPORTS_FOLDER).glob("*.json"))
        reports = [_report(path) for path in paths if is_valid_id(path.stem)]
        return [report for report in reports if report is not None]

    def _folder(self, job_id: str) -> Path:
        return self._storage / job_container(job_id)


def _report(path: Path) -> ProgressReport | None:
    """Return the report in a file, or None if the file is not a report.

    In Azure, the same facts are in the blob's metadata.
    """
    written = path.stat().st_mtime_ns
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except (msgspec.DecodeError, RecursionError):
        return None
    fraction, result = content.fraction, content.result
    key = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]
    return ProgressReport(
        task_id=path.stem,
        sequence=str(written // 1_000_000),
        time=datetime.fromtimestamp(written / 1e9, UTC),
        fraction=None if fraction is None else round(fraction, 4),
        message=content.message,
        result_key="" if result is None else key,
    )
