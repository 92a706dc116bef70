"""In-memory fakes of the ports of files and storage. Each passes the contract tests of its port."""

from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import UTC, datetime, timedelta

from batchmgr.errors import (
    FileTooLargeError,
    ServiceConflictError,
    ServiceNotFoundError,
)
from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.model.task_file import BlobLink, TaskFile
from batchmgr.model.task_progress import ProgressReport
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.ids import job_container, job_key
from batchmgr.plan.job_plan import KEPT_FILES
from tests.fakes import FakeBatch


class FakeTaskFiles:
    """The files that completed tasks of a FakeBatch have left, on nodes that may be gone."""

    def __init__(self, batch: FakeBatch) -> None:
        self._batch = batch
        self.gone: set[str] = set()
        """Ids of tasks whose nodes have gone."""

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        task = await self._batch.get_task(job_id, task_id)
        if task_id in self.gone:
            raise ServiceNotFoundError("the node is gone", code="NodeNotFound", status=404)
        if task.start_time is None:
            raise ServiceConflictError("not yet", code="OperationInvalidForCurrentState", status=409)
        left = {path for id_, path in self._batch.files if id_ == task_id} | {"stderr.txt"}
        found = [await self.find(job_id, task_id, path) for path in sorted(left)]
        return [file for file in found if file][:limit]

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        is_there = path == "stderr.txt" or (task_id, path) in self._batch.files
        content = await self._content(job_id, task_id, path)
        return TaskFile(path=path, size=len(content)) if is_there and content else None

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        return (await self._content(job_id, task_id, path))[start:end]

    async def _content(self, job_id: str, task_id: str, path: str) -> bytes:
        if task_id in self.gone:
            return b""
        return await self._batch.read_file(job_id, task_id, path, 1 << 30)


class FakeKeptFiles:
    """What is kept of tasks: files by job id, task id and path."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], bytes] = {}

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        found = [await self.find(job_id, task_id, path) for path in KEPT_FILES]
        return [file for file in found if file][:limit]

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        content = self.kept.get((job_key(job_id), task_id.lower(), path))
        return None if content is None else TaskFile(path=path, size=len(content))

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        return self.kept.get((job_key(job_id), task_id.lower(), path), b"")[start:end]


class FakeBlobLinks:
    """Links that nobody can follow, to blobs that are there unless a test says otherwise."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    async def to_download(self, uri: str, lifetime: timedelta) -> BlobLink | None:
        if uri in self.gone:
            return None
        return BlobLink(uri=f"{uri}?sig=r", expires_at=datetime.now(UTC) + lifetime, size=7)

    async def to_upload(self, need: ContainerNeed, path: str, lifetime: timedelta) -> BlobLink:
        uri = f"https://blob/{need.container_name}/{path}?sig=w"
        return BlobLink(uri=uri, expires_at=datetime.now(UTC) + lifetime)


class FakeNodeStorage:
    """Storage that grants access to everything. `blobs` holds the names of blobs, by container."""

    def __init__(self) -> None:
        self.blobs: dict[str, set[str]] = {}
        self.granted: list[ContainerNeed] = []
        self.signatures_end: datetime | None = None
        """When the signatures end that are made from now on; None if nodes have an identity."""

        self.identity = ""
        """The identity of the nodes, except of those of auto pools."""

        self.longest: timedelta | None = None
        """How long signatures last at most."""

    async def grant_access(
        self, job_id: str, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> StorageAccess:
        self.granted += needs
        datetime.now(UTC) + lifetime  # a signature has an end: the time must not overflow
        return {
            need: ContainerAccess(
                url=f"https://blob/{need.container_name}", query="s=1", ends_at=self.signatures_end
            )
            for need in needs
        }

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        return f"https://blob/{need.container_name}/{path}"

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        return ContainerAccess(
            url=f"https://blob/{need.container_name}",
            identity_reference=need.identity_reference or (self.identity if nodes_have_identity else ""),
        )

    def longest_signature(self) -> timedelta | None:
        return self.longest

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        if need.container_name not in self.blobs:
            raise ServiceNotFoundError("no such container", code="ContainerNotFound", status=404)
        for name in sorted(self.blobs[need.container_name]):
            if name.startswith(prefix) and not name.endswith("/"):
                yield name


class FakeJobFiles:
    """Blobs in a dictionary, and the reports that a test adds."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.reported: dict[str, list[ProgressReport]] = {}

    async def read(self, job_id: str, path: str, max_bytes: int) -> bytes | None:
        content = self.blobs.get(f"{job_key(job_id)}/{path}")
        if content is not None and len(content) > max_bytes:
            raise FileTooLargeError(path, max_bytes)
        return content

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        self.blobs[f"{job_key(job_id)}/{path}"] = content

    def uri(self, job_id: str, path: str) -> str:
        return f"https://blob/{job_container(job_id)}/{path}"

    async def delete(self, job_id: str) -> None:
        for name in [name for name in self.blobs if name.startswith(f"{job_key(job_id)}/")]:
            del self.blobs[name]
        self.reported.pop(job_key(job_id), None)

    async def reports(self, job_id: str, limit: int) -> Sequence[ProgressReport]:
        return self.reported.get(job_key(job_id), [])[:limit]
