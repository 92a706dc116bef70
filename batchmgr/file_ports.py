"""The ports of files that callers fetch and bring, and of what files of tasks have told of failures."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from batchmgr.model.task_file import BlobLink, TaskFile
from batchmgr.plan.file_specifications import ContainerNeed


class TaskFiles(Protocol):
    """The files of tasks in one place: on the nodes of the tasks, or what is kept of them in storage.

    Ids are case-insensitive.
    """

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        """Return the files of a task, without directories, `limit` at most.

        Raise ServiceNotFoundError or ServiceConflictError if that can't be known: without its job, its task
        or its node, as long as the task has not begun, or when its files were removed.
        """
        ...

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        """Return what is known of one file, or None if it is not there."""
        ...

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        """Return these bytes of a file, or fewer if it has become shorter or is gone meanwhile."""
        ...


class KnownFailures(Protocol):
    """What is known of the failed tasks of each job. Tasks can neither read nor write it."""

    async def load(self, job_id: str) -> bytes | None:
        """Return what is stored of a job, or None."""
        ...

    async def save(self, job_id: str, body: bytes) -> None:
        """Store what is known of a job, over what was stored before."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete what is stored of a job, if there is something."""
        ...


class BlobLinks(Protocol):
    """Links with which callers fetch and bring blobs, past batchmgr."""

    async def to_download(self, uri: str, lifetime: timedelta) -> BlobLink | None:
        """Return a link with which this one blob can be read, or None if there is no such blob.

        Raise InvalidJobError if batchmgr can't sign for its storage account.
        """
        ...

    async def to_upload(self, need: ContainerNeed, path: str, lifetime: timedelta) -> BlobLink:
        """Return a link with which this one blob can be written. Create its container if there is none."""
        ...
