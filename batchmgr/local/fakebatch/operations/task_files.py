"""Operations on the files of a task."""

from typing import Final

from batchmgr.local.fakebatch.operations import files
from batchmgr.local.fakebatch.operations.files import Directory
from batchmgr.local.fakebatch.operations.table import Operation, Service
from batchmgr.local.fakebatch.wire.answers import Answer
from batchmgr.local.fakebatch.wire.calls import Call
from batchmgr.local.fakebatch.wire.errors import BatchError


def _directory(service: Service, call: Call) -> Directory:
    record, task = service.engine.store.task(call.ids["jobId"], call.ids["taskId"])
    if task.placement is None:
        raise BatchError("OperationInvalidForCurrentState", Reason="The task has not run on a node yet.")
    where = task.placement
    service.engine.store.node(where.pool_id, where.node_id)
    root = service.layout.task_root(where.pool_id, where.node_id, record.job.id, task.id)
    if task.ended_at is not None and task.started_at is not None and not root.exists():
        raise BatchError("TaskFilesCleanedup")
    return Directory(root, f"{call.base}/jobs/{call.ids['jobId']}/tasks/{call.ids['taskId']}")


async def head(service: Service, call: Call) -> Answer:
    """Show the properties of a file."""
    return files.head(_directory(service, call), call)


async def get(service: Service, call: Call) -> Answer:
    """Show the content of a file."""
    return files.get(_directory(service, call), call)


async def delete(service: Service, call: Call) -> Answer:
    """Remove a file or a directory."""
    return files.delete(_directory(service, call), call)


async def list_all(service: Service, call: Call) -> Answer:
    """List the files of a task."""
    return files.list_all(_directory(service, call), call)


_FILE: Final = "/jobs/{jobId}/tasks/{taskId}/files/{filePath:.+}"

OPERATIONS: Final = (
    Operation("GET", "/jobs/{jobId}/tasks/{taskId}/files", list_all),
    Operation("GET", _FILE, get),
    Operation("HEAD", _FILE, head),
    Operation("DELETE", _FILE, delete),
)
