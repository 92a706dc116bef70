"""Read the files of a task: from its node, or from storage if they are kept there and the node has gone.

What a file of a running task has grown to is seen at once. Nothing is changed, and no more of a file is read
than one answer has.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from batchmgr.errors import (
    FileGoneError,
    NoSuchFileError,
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.file_ports import TaskFiles
from batchmgr.model.byte_range import ByteRange, byte_range
from batchmgr.model.job_record import JobRecord
from batchmgr.model.size_limits import MAX_PAGE
from batchmgr.model.task_file import TaskFile
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.job_plan import KEPT_FILES
from batchmgr.ports import Ports

MAX_FILES = 1000
"""How many files of a task are listed."""

MAX_PART = MAX_PAGE
"""How many bytes of a file one answer has."""

NODE, STORAGE = "node", "storage"
"""Where a file was found."""

REMOVED = "TaskFilesCleanedup"
"""Azure Batch's code for a task whose files its node has removed, after the task's `retentionTime`."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|%(?:2[ef]|5c)", re.IGNORECASE)
"""What a path may not have: control characters, backslashes, and dots and slashes that are encoded twice."""


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """Some bytes of a file; none, and no `span`, if it has none of those that were asked for."""

    file: TaskFile
    source: str
    span: ByteRange | None
    content: bytes = b""


async def list_task_files(ports: Ports, job_id: str, task_id: str) -> Sequence[tuple[TaskFile, str]]:
    """Return the files of a task, each with where it is, in order of their paths. The node counts first.

    Raise JobNotFoundError, NoSuchFileError if the job has no such task, FileGoneError if there is nothing.
    """
    record = await _record(ports, job_id, task_id)
    try:
        found = {file.path: (file, NODE) for file in await _on_node(ports, record, task_id)}
    except NoSuchFileError:
        if not (kept := await ports.kept_files.files(record.job_id, task_id, MAX_FILES)):
            raise
        found = {file.path: (file, STORAGE) for file in kept}
    return [found[path] for path in sorted(found)]


async def read_task_file(
    ports: Ports, job_id: str, task_id: str, path: str, range_header: str = ""
) -> FilePart:
    """Return the bytes of a task's file that a `Range` header asks for, 4 MiB at most.

    Raise JobNotFoundError, NoSuchFileError if the task has no such file, FileGoneError if its node has gone.
    """
    record = await _record(ports, job_id, task_id)
    if not is_plain_path(path):
        raise NoSuchFileError(f"task {task_id!r} has no file {path!r}: that is no path of a file")
    for source, files in _places(ports, record, path):
        file = await files.find(record.job_id, task_id, path)
        if file is not None:
            return await _part(files, record.job_id, task_id, file, source, range_header)
    await _on_node(ports, record, task_id)
    raise NoSuchFileError(f"task {task_id!r} has no file {path!r} on its node")


def is_plain_path(path: str) -> bool:
    """Return whether a path leads to one file below where it begins, however it is read.

    >>> is_plain_path("wd/out/a.txt"), is_plain_path("../other/stdout.txt"), is_plain_path("/etc/passwd")
    (True, False, False)
    """
    return not _UNSAFE.search(path) and not {"", ".", ".."}.intersection(path.split("/"))


async def _record(ports: Ports, job_id: str, task_id: str) -> JobRecord:
    record = (await ports.jobs.load(job_id)).value
    if not is_valid_id(task_id):
        raise NoSuchFileError(f"job {record.job_id!r} has no task {task_id!r}")
    return record


def _places(ports: Ports, record: JobRecord, path: str) -> list[tuple[str, TaskFiles]]:
    """Return where the file may be, in order."""
    places: list[tuple[str, TaskFiles]] = []
    if record.in_batch and not record.batch_job_deleted:
        places.append((NODE, ports.node_files))
    if path in KEPT_FILES:
        places.append((STORAGE, ports.kept_files))
    return places


async def _part(
    files: TaskFiles, job_id: str, task_id: str, file: TaskFile, source: str, range_header: str
) -> FilePart:
    span = byte_range(range_header, file.size, MAX_PART)
    if span is None:
        return FilePart(file=file, source=source, span=None)
    content = await files.read(job_id, task_id, file.path, span.start, span.end)
    if len(content) < span.end - span.start:  # it has become shorter since its size was read
        size = span.start + len(content)
        span = replace(span, end=size, size=size) if content or not span.is_part else None
    return FilePart(file=file, source=source, span=span, content=content)


async def _on_node(ports: Ports, record: JobRecord, task_id: str) -> Sequence[TaskFile]:
    """Return the files on the task's node. Raise NoSuchFileError or FileGoneError, which says why not."""
    if not record.in_batch:
        raise NoSuchFileError(f"job {record.job_id!r} is not in Azure Batch yet, so its tasks have no files")
    try:
        return await ports.node_files.files(record.job_id, task_id, MAX_FILES)
    except (ServiceNotFoundError, ServiceConflictError) as error:
        raise await _why_there_is_none(ports, record, task_id, error) from error


async def _why_there_is_none(
    ports: Ports, record: JobRecord, task_id: str, refusal: ServiceError
) -> NoSuchFileError | ServiceBusyError:
    """Return why a task has no files on a node."""
    try:
        task = await ports.batch.get_task(record.job_id, task_id)
    except ServiceNotFoundError as error:
        if error.code == "TaskNotFound":
            return NoSuchFileError(f"job {record.job_id!r} has no task {task_id!r} in Azure Batch")
        return FileGoneError(f"{error}: the Batch job was deleted, and with it the files of its tasks")
    if task.start_time is None and task.state in {"active", "preparing"}:
        return NoSuchFileError(f"task {task_id!r} has not begun to run, so it has no files yet")
    if (
        isinstance(refusal, ServiceConflictError) and refusal.code != REMOVED
    ):  # the node restarts, for example
        return ServiceBusyError(str(refusal), code=refusal.code, status=refusal.status)
    node = f"node {task.node_id}" if task.node_id else "its node"
    return FileGoneError(
        f"{node} has gone, or has removed the files of task {task_id!r}. {', '.join(KEPT_FILES)} are kept as "
        "BATCHMGR_KEEP_TASK_FILES says"
    )
