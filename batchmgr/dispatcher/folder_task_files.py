"""The files of the tasks of a local run, in its directory. Nothing else is kept of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.model.task_file import BlobLink, TaskFile
from batchmgr.plan.file_specifications import ContainerNeed


class FolderTaskFiles:
    """The TaskFiles port on the directory of a run."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        """Return the files of a task. Raises ServiceNotFoundError if it has no directory."""
        root = self._directory.task(task_id)
        if not root.is_dir():
            raise ServiceNotFoundError(f"task {task_id!r} has no files", code="TaskNotFound", status=404)
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return [_file(root, path) for path in paths[:limit]]

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        """Return what is known of one file, or None if it is not there."""
        root = self._directory.task(task_id)
        return _file(root, root / path) if (root / path).is_file() else None

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        """Return these bytes of a file."""
        try:
            with (self._directory.task(task_id) / path).open("rb") as file:
                file.seek(start)
                return file.read(max(0, end - start))
        except OSError:
            return b""


class NoTaskFiles:
    """The TaskFiles port where nothing is kept."""

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        """Return no files."""
        return ()

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        """Return None."""
        return None

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        """Return no bytes."""
        return b""


class NoBlobLinks:
    """The BlobLinks port where there is nobody who could follow a link."""

    async def to_download(self, uri: str, lifetime: timedelta) -> BlobLink | None:
        """Raises InvalidJobError."""
        raise InvalidJobError(f"a local run signs for nobody: open {uri}")

    async def to_upload(self, need: ContainerNeed, path: str, lifetime: timedelta) -> BlobLink:
        """Raises InvalidJobError."""
        raise InvalidJobError("a local run signs for nobody: put the file into its folder")


def _file(root: Path, path: Path) -> TaskFile:
    facts = path.stat()
    modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    return TaskFile(path=path.relative_to(root).as_posix(), size=facts.st_size, last_modified=modified)
