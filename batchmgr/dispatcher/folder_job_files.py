"""The files that a job's tasks and batchmgr exchange, in the folder of the job's own container."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from batchmgr.errors import FileTooLargeError
from batchmgr.model.task_progress import ProgressReport, progress_report
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.wire.json_codec import prepare
from batchmgr.workload.progress_reporter import MAX_REPORT_BYTES


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

    async def read(self, job_id: str, path: str, max_bytes: int) -> bytes | None:
        """Return the content of a blob of the job, or None if there is no such blob."""
        blob = self._folder(job_id) / path
        if not blob.is_file():
            return None
        if blob.stat().st_size > max_bytes:
            raise FileTooLargeError(path, max_bytes)
        return blob.read_bytes()

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Write a blob, over what is there."""
        blob = self._folder(job_id) / path
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)

    def uri(self, job_id: str, path: str) -> str:
        """Return the `file` URI of a blob."""
        return (self._folder(job_id) / path).as_uri()

    async def delete(self, job_id: str) -> None:
        """Delete the folder of the job's own container, if there is one."""
        shutil.rmtree(self._folder(job_id), ignore_errors=True)

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        """Return the newest report of each task."""
        paths = sorted((self._folder(job_id) / REPORTS_FOLDER).glob("*.json"))
        reports = [_report(path) for path in paths]
        return [report for report in reports if report is not None][:limit]

    def _folder(self, job_id: str) -> Path:
        return self._storage / job_container(job_id)


def _report(path: Path) -> ProgressReport | None:
    """Return the report in a file, or None if the file is not a report.

    In Azure, the same facts are in the blob's metadata.
    """
    facts = path.stat()
    if facts.st_size > MAX_REPORT_BYTES:
        return None
    try:
        body = path.read_bytes()
        content = msgspec.json.decode(body, type=_Content)
        result = json.dumps(content.result, sort_keys=True)
    except (ValueError, RecursionError):
        return None
    return progress_report(
        task_id=path.stem,
        # Two reports may have the same time: a file system counts in milliseconds.
        version=f"{facts.st_mtime_ns}-{_digest(body)}",
        time=datetime.fromtimestamp(facts.st_mtime_ns / 1e9, UTC),
        fraction=None if content.fraction is None else round(content.fraction, 4),
        message=content.message,
        result_key="" if content.result is None else _digest(result.encode()),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
