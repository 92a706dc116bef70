"""The files of tasks on their nodes, which Azure Batch fetches from there."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import msgspec

from batchmgr.adapters.batch_answers import NO_FILE, decode
from batchmgr.adapters.batch_calls import BatchCalls
from batchmgr.errors import ServiceConflictError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.model.task_file import TaskFile
from batchmgr.wire.json_codec import prepare


class _Properties(msgspec.Struct, frozen=True, rename="camel"):
    """The `properties` of a file. Its size is a text, as all long numbers are in these answers."""

    content_length: int | str = 0
    last_modified: datetime | None = None


class _File(msgspec.Struct, frozen=True, rename="camel"):
    """A file or a directory in a list."""

    name: str
    is_directory: bool = False
    properties: _Properties = _Properties()


class FileListResponse(msgspec.Struct, frozen=True):
    """A page of files."""

    value: tuple[_File, ...] = ()
    next_link: str = msgspec.field(name="odata.nextLink", default="")


prepare(FileListResponse)


class BatchTaskFiles(BatchCalls):
    """The TaskFiles port, on the nodes."""

    async def files(self, job_id: str, task_id: str, limit: int) -> Sequence[TaskFile]:
        """Return the files of a task, also those in its directories."""
        found: list[TaskFile] = []
        path, query = _files(job_id, task_id), {"recursive": "true", "maxresults": str(min(limit, 1000))}
        while path and len(found) < limit:
            page = decode(await self._call("GET", path, query=query, missing=NO_FILE), FileListResponse)
            found += [
                TaskFile(
                    path=file.name.replace("\\", "/"),
                    size=int(file.properties.content_length),
                    last_modified=file.properties.last_modified,
                )
                for file in page.value
                if not file.is_directory
            ]
            path = page.next_link
        return found[:limit]

    async def find(self, job_id: str, task_id: str, path: str) -> TaskFile | None:
        """Return what is known of one file, or None if it, its task or its node is not there."""
        try:
            answer = await self._call("HEAD", _file(job_id, task_id, path), missing=NO_FILE)
        except (ServiceNotFoundError, ServiceConflictError):
            return None
        if answer.headers.get("ocp-batch-file-isdirectory", "").lower() == "true":
            return None
        modified: datetime | None = None
        with suppress(ValueError):
            modified = parsedate_to_datetime(answer.headers.get("Last-Modified", "")).astimezone(UTC)
        size = int(answer.headers.get("Content-Length", "0"))
        return TaskFile(path=path, size=size, last_modified=modified)

    async def read(self, job_id: str, task_id: str, path: str, start: int, end: int) -> bytes:
        """Return these bytes of a file."""
        if start >= end:
            return b""
        try:
            return await self._read_range(_file(job_id, task_id, path), start, end)
        except (ServiceNotFoundError, ServiceConflictError):
            return b""
        except ServiceRefusedError as error:
            if error.status == 416:
                return b""
            raise


def _files(job_id: str, task_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}/tasks/{quote(task_id, safe='')}/files"


def _file(job_id: str, task_id: str, path: str) -> str:
    return f"{_files(job_id, task_id)}/{quote(path, safe='')}"
