"""The ports of the storage that callers and nodes reach. `ports` has the others, and all of them together."""

from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.model.task_progress import ProgressReport
from batchmgr.plan.file_specifications import ContainerNeed


class NodeStorageView(Protocol):
    """What can be known about the storage that nodes reach, without changing anything."""

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        ...

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        """Return what `grant_access` would return, but unsigned. Nothing is created, nothing is asked.

        Raise InvalidJobError for a container that nodes can't be given access to.
        """
        ...

    def longest_signature(self) -> timedelta | None:
        """Return how long the signatures of `grant_access` can last at most; None for as long as one asks."""
        ...

    def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of a container's blobs under a prefix, sorted, without directories.

        Raise ServiceNotFoundError if there is no such container, and InvalidJobError for a container that
        batchmgr can't list.
        """
        ...


class NodeStorage(NodeStorageView, Protocol):
    """Storage as the nodes reach it."""

    async def grant_access(
        self, job_id: str, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> StorageAccess:
        """Return access to these containers for `lifetime`. Create those that are written to.

        Nodes of an auto pool have no identity: they get signatures. These may end earlier, as `ends_at` says.
        Raise InvalidJobError if the job's own container is there and is not this job's.
        """
        ...


class JobFiles(Protocol):
    """The files by which a job's tasks and batchmgr talk to each other, in the job's own container."""

    async def read(self, job_id: str, path: str, max_bytes: int) -> bytes | None:
        """Return the content of a blob, or None if it does not exist.

        Raise FileTooLargeError for one of more than `max_bytes`. No more than that is read.
        """
        ...

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Write a blob, over what is there. Create the job's container if it does not exist.

        Raise ServiceConflictError if the container is not this job's.
        """
        ...

    def uri(self, job_id: str, path: str) -> str:
        """Return the URI of a blob, without a signature."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete the job's container, with all files in it, if there is one."""
        ...

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        """Return the newest progress report of each task that has reported, `limit` reports at most.

        One call lists 5,000 tasks. Anything that is no report is left out, and texts are cut: see
        `progress_report`.
        """
        ...


class Uploads(Protocol):
    """Job messages that callers upload."""

    async def grant(self, name: str, lifetime: timedelta) -> str:
        """Return a URL to which a blob of this name can be uploaded, and nothing else be done."""
        ...

    async def read(self, name: str, most: int) -> bytes | None:
        """Return an uploaded blob, or None. Raise InvalidJobError if it has more bytes than `most`."""
        ...

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the names of blobs that were uploaded before a time."""
        ...

    async def delete(self, name: str) -> None:
        """Delete an uploaded blob, if there is one."""
        ...
