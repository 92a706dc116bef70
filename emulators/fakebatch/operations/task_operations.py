"""Operations on tasks."""

from typing import Any, Final

from fakebatch.bodies import task_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import job_entity as jobs
from fakebatch.model import task_entity as tasks
from fakebatch.operations.operation import Operation, Service
from fakebatch.stored_job import StoredJob
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock, timestamps
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import OperationResponse

_LARGEST_COLLECTION: Final = 100
_LARGEST_BODY: Final = 1_000_000


def _found(service: Service, request: OperationRequest) -> tuple[StoredJob, tasks.TaskEntity]:
    record, task = service.engine.store.task(request.ids["jobId"], request.ids["taskId"])
    check_conditions(request, task.last_modified)
    return record, task


def _open_job(service: Service, request: OperationRequest) -> StoredJob:
    record = service.engine.store.job(request.ids["jobId"])
    jobs.refuse_if_over(record.job)
    return record


def _address(request: OperationRequest, record: StoredJob, task: tasks.TaskEntity) -> str:
    return f"{request.base}/jobs/{record.job.id}/tasks/{task.id}"


async def create(service: Service, request: OperationRequest) -> OperationResponse:
    """Add a task to a job."""
    record = _open_job(service, request)
    spec = _accept(service, record, request.json())
    if spec["id"] in record.tasks:
        raise BatchError("TaskExists")
    task = service.engine.add_task(record, spec)
    return responses.created(_address(request, record, task), task.last_modified)


async def create_many(service: Service, request: OperationRequest) -> OperationResponse:
    """Add up to 100 tasks to a job. Each task gets its own result."""
    if len(request.body) >= _LARGEST_BODY:
        raise BatchError("RequestBodyTooLarge", MaxSize=_LARGEST_BODY)
    record = _open_job(service, request)
    given = request.json()
    collection = given.get("value") if isinstance(given, dict) else None
    if not isinstance(collection, list):
        raise BatchError("MissingRequiredProperty", PropertyName="value")
    if len(collection) > _LARGEST_COLLECTION:
        raise BatchError("RequestBodyTooLarge", MaxTasks=_LARGEST_COLLECTION)
    # If a body is malformed, the whole request is refused before any of its tasks is added.
    read = [_read(service, record, body) for body in collection]
    results = [_result(service, request, record, *pair) for pair in zip(collection, read, strict=True)]
    return responses.value(request, "taskaddresult", {"value": results})


def _accept(service: Service, record: StoredJob, body: Any) -> dict[str, Any]:
    spec = bodies.accept_task(body, record.job.spec)
    if "applicationPackageReferences" in spec:
        service.engine.applications.check(spec["applicationPackageReferences"], defaults_later=True)
    return spec


def _read(service: Service, record: StoredJob, body: Any) -> dict[str, Any] | BatchError:
    try:
        return _accept(service, record, body)
    except BatchError as error:
        if error.code == "InvalidRequestBody":
            raise
        return error


def _result(
    service: Service,
    request: OperationRequest,
    record: StoredJob,
    body: Any,
    read: dict[str, Any] | BatchError,
) -> dict[str, Any]:
    if not isinstance(read, BatchError) and read["id"] in record.tasks:
        read = BatchError("TaskExists")
    if isinstance(read, BatchError):
        shown = responses.error_view(read, responses.new_request_id())
        return {"status": "ClientError", "taskId": body.get("id", ""), "error": shown}
    task = service.engine.add_task(record, read)
    return {
        "status": "Success",
        "taskId": task.id,
        "eTag": timestamps.etag(task.last_modified),
        "lastModified": timestamps.to_iso(task.last_modified),
        "location": _address(request, record, task),
    }


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get a task."""
    record, task = _found(service, request)
    view = bodies.task_view(task, record.job.id, request.base)
    return responses.entity(request, "tasks", select(request, view), task.last_modified)


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the tasks of a job."""
    record = service.engine.store.job(request.ids["jobId"])
    listing = Listing(
        fragment="tasks",
        ids=record.tasks.ids,
        fetch=record.tasks.__getitem__,
        fields=bodies.FIELDS,
        summary=bodies.summary(record.job.id, request.base),
        view=lambda task: bodies.task_view(task, record.job.id, request.base),
    )
    return list_response(request, listing)


async def put(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace the constraints of a task."""
    record, task = _found(service, request)
    if task.state == "completed":
        raise BatchError("TaskCompleted")
    changed = tasks.with_properties(task, bodies.accept_replacement(request.json()), service_clock.now())
    record.put(changed)
    return responses.changed(request, 200, changed.last_modified)


async def delete(service: Service, request: OperationRequest) -> OperationResponse:
    """Delete a task and its files."""
    record, task = _found(service, request)
    await service.engine.delete_task(record, task)
    return OperationResponse(status=200)


async def terminate(service: Service, request: OperationRequest) -> OperationResponse:
    """Terminate a task. The response is sent when none of its processes run any more."""
    record, task = _found(service, request)
    if task.state == "completed":
        raise BatchError("TaskCompleted")
    ended = await service.engine.end_task(record, task)
    return responses.changed(request, 204, ended.last_modified)


async def reactivate(service: Service, request: OperationRequest) -> OperationResponse:
    """Reactivate a failed task: it runs again."""
    record, task = _found(service, request)
    jobs.refuse_if_over(record.job)
    if task.state != "completed":
        raise BatchError("TaskNotCompleted")
    if task.failure is None:
        raise BatchError("TaskSucceeded")
    again = tasks.reactivated(task, service_clock.now())
    record.put(again)
    service.engine.wake()
    return responses.stamped(204, again.last_modified)


async def subtasks(service: Service, request: OperationRequest) -> OperationResponse:
    """List the subtasks of a multi-instance task. The list is empty for other tasks."""
    record, task = service.engine.store.task(request.ids["jobId"], request.ids["taskId"])
    found = record.subtasks.get(task.id.lower(), [])
    views = [bodies.subtask_view(subtask, task, record.job.id, request.base) for subtask in found]
    return responses.value(request, "subtaskinfo", {"value": [select(request, view) for view in views]})


OPERATIONS: Final = (
    Operation("POST", "/jobs/{jobId}/tasks", create),
    Operation("POST", "/jobs/{jobId}/addtaskcollection", create_many),
    Operation("GET", "/jobs/{jobId}/tasks", list_all),
    Operation("GET", "/jobs/{jobId}/tasks/{taskId}", get),
    Operation("GET", "/jobs/{jobId}/tasks/{taskId}/subtasksinfo", subtasks),
    Operation("PUT", "/jobs/{jobId}/tasks/{taskId}", put),
    Operation("DELETE", "/jobs/{jobId}/tasks/{taskId}", delete),
    Operation("POST", "/jobs/{jobId}/tasks/{taskId}/terminate", terminate),
    Operation("POST", "/jobs/{jobId}/tasks/{taskId}/reactivate", reactivate),
)
