"""What a job's tasks and batchmgr leave for each other, in the folder of the job's own container."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from batchmgr.model.ids import job_container
from batchmgr.model.plan import REPORTS_FOLDER
from batchmgr.model.report import TaskReport


class FolderJobFiles:
    """The JobFiles port below the folder of a storage account."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage

    async def read(self, job_id: str, path: str) -> bytes | None:
        """A blob of the job, whole."""
        blob = self._folder(job_id) / path
        return blob.read_bytes() if blob.is_file() else None

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Leave a blob, unless it is there."""
        blob = self._folder(job_id) / path
        if not blob.exists():
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)

    async def reports(self, job_id: str) -> Sequence[TaskReport]:
        """The newest report of each task."""
        return [_report(path) for path in sorted((self._folder(job_id) / REPORTS_FOLDER).glob("*.json"))]

    def _folder(self, job_id: str) -> Path:
        return self._storage / job_container(job_id)


def _report(path: Path) -> TaskReport:
    """The report in a file, with what a blob has in its metadata told from the content."""
    written = path.stat().st_mtime_ns
    content = json.loads(path.read_bytes())
    fraction, result = content["fraction"], content["result"]
    key = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]
    return TaskReport(
        task_id=path.stem,
        sequence=str(written // 1_000_000),
        time=datetime.fromtimestamp(written / 1e9, UTC),
        fraction=None if fraction is None else round(fraction, 4),
        message=content["message"],
        result_key="" if result is None else key,
    )
