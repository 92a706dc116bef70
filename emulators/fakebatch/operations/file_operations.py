"""Operations on the files of tasks and of nodes. A node has its tasks' files below `workitems`."""

import mimetypes
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fakebatch.errors import BatchError
from fakebatch.execution.executor_port import TaskLocation
from fakebatch.operations.operation import Handler, Operation, Service
from fakebatch.wire import timestamps
from fakebatch.wire.list_pages import Listing, list_response
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import FileSpan, OperationResponse

_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of this machine. The URL of a file in it is `{address}/files/{name}`."""

    root: Path
    address: str


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    path: Path
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return self.path.is_dir()

    @property
    def modified(self) -> int:
        return timestamps.from_unix_ns(self.status.st_mtime_ns)

    @property
    def media_type(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


_FIELDS: Final[Mapping[str, Field[_File]]] = {"name": Field("text", lambda file: file.name)}


def _found(directory: Directory, request: OperationRequest) -> _File:
    root = directory.root
    name = request.ids["filePath"].strip("/")
    path = root / name
    if not name or not path.resolve().is_relative_to(root.resolve()) or not path.exists():
        raise BatchError("FileNotFound")
    return _File(name, path, path.stat())


def _headers(directory: Directory, file: _File) -> dict[str, str]:
    return {
        "Content-Type": file.media_type,
        "Last-Modified": timestamps.to_http_date(file.modified),
        "ocp-batch-file-isdirectory": str(file.is_directory),
        "ocp-batch-file-url": quote(f"{directory.address}/files/{file.name}", safe=""),
        "ocp-batch-file-mode": f"0o{file.status.st_mode:o}",
    }


def head(directory: Directory, request: OperationRequest) -> OperationResponse:
    """Get the properties of a file."""
    file = _found(directory, request)
    check_conditions(request, file.modified)
    size = 0 if file.is_directory else file.status.st_size
    return OperationResponse(status=200, headers=_headers(directory, file) | {"Content-Length": str(size)})


def get(directory: Directory, request: OperationRequest) -> OperationResponse:
    """Get the content of a file, or the part that `ocp-range` names. The status is 200 in both cases."""
    file = _found(directory, request)
    check_conditions(request, file.modified)
    if file.is_directory:
        raise BatchError("FileNotFound")
    start, end = _span(request.headers.get("ocp-range"), file.status.st_size)
    return OperationResponse(
        status=200, headers=_headers(directory, file), file=FileSpan(file.path, start, end)
    )


def _span(header: str | None, size: int) -> tuple[int, int]:
    if header is None:
        return 0, size
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        raise BatchError("InvalidHeaderValue", HeaderName="ocp-range", HeaderValue=header)
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    if start >= size or end <= start:
        raise BatchError("InvalidRange")
    return start, end


def delete(directory: Directory, request: OperationRequest) -> OperationResponse:
    """Delete a file or a directory. A directory that is not empty is deleted only if `recursive` is true."""
    file = _found(directory, request)
    try:
        if not file.is_directory or file.path.is_symlink():
            file.path.unlink()
        elif _is_recursive(request):
            shutil.rmtree(file.path)
        else:
            file.path.rmdir()
    except OSError as error:
        raise BatchError("IOError", Reason=error.strerror) from error
    return OperationResponse(status=200)


def list_all(directory: Directory, request: OperationRequest) -> OperationResponse:
    """List the files of the directory. If `recursive` is true, the list includes its subdirectories."""
    root = directory.root
    found = root.rglob("*") if _is_recursive(request) else root.glob("*")
    files = {path.relative_to(root).as_posix(): path for path in found}
    listing = Listing(
        fragment="files",
        ids=sorted(files),
        fetch=lambda name: _File(name, files[name], files[name].lstat()),
        fields=_FIELDS,
        view=lambda file: _view(directory, file),
    )
    return list_response(request, listing)


def _is_recursive(request: OperationRequest) -> bool:
    return (request.parameter("recursive") or "").lower() == "true"


def _view(directory: Directory, file: _File) -> dict[str, Any]:
    view: dict[str, Any] = {
        "name": file.name,
        "url": f"{directory.address}/files/{file.name}",
        "isDirectory": file.is_directory,
    }
    if not file.is_directory:
        view["properties"] = {
            "lastModified": timestamps.to_iso(file.modified),
            "contentLength": str(file.status.st_size),
            "contentType": file.media_type,
            "fileMode": f"0o{file.status.st_mode:o}",
        }
    return view


def _operations(
    path: str, directory: Callable[[Service, OperationRequest], Directory]
) -> tuple[Operation, ...]:
    """Return the operations on files at the route `path`. `directory` returns the directory for a request."""

    def on_directory(response: Callable[[Directory, OperationRequest], OperationResponse]) -> Handler:
        async def handle(service: Service, request: OperationRequest) -> OperationResponse:
            return response(directory(service, request), request)

        return handle

    file = f"{path}/{{filePath:.+}}"
    return (
        Operation("GET", path, on_directory(list_all)),
        Operation("GET", file, on_directory(get)),
        Operation("HEAD", file, on_directory(head)),
        Operation("DELETE", file, on_directory(delete)),
    )


def _node_directory(service: Service, request: OperationRequest) -> Directory:
    record, node = service.engine.store.node(request.ids["poolId"], request.ids["nodeId"])
    root = service.layout.node_root(record.pool.id, node.id)
    return Directory(root, f"{request.base}/pools/{record.pool.id}/nodes/{node.id}")


def _task_directory(service: Service, request: OperationRequest) -> Directory:
    record, task = service.engine.store.task(request.ids["jobId"], request.ids["taskId"])
    if task.placement is None:
        raise BatchError("OperationInvalidForCurrentState", Reason="The task has not run on a node yet.")
    where = task.placement
    service.engine.store.node(where.pool_id, where.node_id)
    place = TaskLocation(where.pool_id, where.node_id, record.job.id, task.id)
    service.engine.executor.create_files(place)
    root = service.layout.task_root(*place)
    if task.ended_at is not None and task.started_at is not None and not root.exists():
        raise BatchError("TaskFilesCleanedup")
    return Directory(root, f"{request.base}/jobs/{request.ids['jobId']}/tasks/{request.ids['taskId']}")


OPERATIONS: Final = (
    *_operations("/pools/{poolId}/nodes/{nodeId}/files", _node_directory),
    *_operations("/jobs/{jobId}/tasks/{taskId}/files", _task_directory),
)
