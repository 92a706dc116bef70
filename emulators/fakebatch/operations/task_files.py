"""Operations on the files of a task."""

from typing import Final

from fakebatch.errors import BatchError
from fakebatch.execution.port import Place
from fakebatch.operations import file_operations
from fakebatch.operations.file_operations import Directory
from fakebatch.operations.operation import Service
from fakebatch.wire.operation_request import Call


def _directory(service: Service, call: Call) -> Directory:
    record, task = service.engine.store.task(call.ids["jobId"], call.ids["taskId"])
    if task.placement is None:
        raise BatchError("OperationInvalidForCurrentState", Reason="The task has not run on a node yet.")
    where = task.placement
    service.engine.store.node(where.pool_id, where.node_id)
    place = Place(where.pool_id, where.node_id, record.job.id, task.id)
    service.engine.executor.lay_out(place)
    root = service.layout.task_root(*place)
    if task.ended_at is not None and task.started_at is not None and not root.exists():
        raise BatchError("TaskFilesCleanedup")
    return Directory(root, f"{call.base}/jobs/{call.ids['jobId']}/tasks/{call.ids['taskId']}")


OPERATIONS: Final = file_operations.operations("/jobs/{jobId}/tasks/{taskId}/files", _directory)
