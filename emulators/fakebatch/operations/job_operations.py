"""Operations on jobs."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies import job_bodies as bodies
from fakebatch.bodies.node_run_views import preparation_and_release_status_view
from fakebatch.errors import BatchError
from fakebatch.model import job_entity as jobs
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.operations.operation import Operation, Service
from fakebatch.stored_job import StoredJob
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import OperationResponse

_VISIT_FIELDS: Final[Mapping[str, Field[PreparationAndReleaseStatus]]] = {
    "poolId": Field("text", lambda visit: visit.pool_id),
    "nodeId": Field("text", lambda visit: visit.node_id),
}


def _found(service: Service, request: OperationRequest) -> StoredJob:
    record = service.engine.store.job(request.ids["jobId"])
    check_conditions(request, record.job.last_modified)
    return record


async def create(service: Service, request: OperationRequest) -> OperationResponse:
    """Create a job. If its pool does not exist yet, its tasks wait until it does."""
    spec = bodies.accept_job(request.json())
    store = service.engine.store
    if spec["id"] in store.jobs:
        raise BatchError("JobExists")
    if spec["id"] in store.schedules:
        raise BatchError("JobScheduleWithSameIdExists")
    if store.active_jobs_and_schedules() >= service.quotas().active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    pool = spec["poolInfo"].get("autoPoolSpecification", {}).get("pool", {})
    service.engine.applications.check(pool.get("applicationPackageReferences", ()))
    manager = spec.get("jobManagerTask", {})
    references = manager.get("applicationPackageReferences", ())
    service.engine.applications.check(references, defaults_later=True)
    record = service.engine.add_job(spec)
    # Azure Batch returns this URL whatever the id of the job is.
    return responses.created(f"{request.base}/jobs/job-1", record.job.last_modified)


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get a job."""
    job = _found(service, request).job
    return responses.entity(
        request, "jobs", select(request, bodies.job_view(job, request.base)), job.last_modified
    )


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the jobs."""
    shelf = service.engine.store.jobs
    listing = Listing(
        fragment="jobs",
        ids=shelf.ids,
        fetch=lambda job_id: shelf[job_id].job,
        fields=bodies.FIELDS,
        view=lambda job: bodies.job_view(job, request.base),
    )
    return list_response(request, listing)


async def patch(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace some properties of a job."""
    record = _found(service, request)
    return _respecify(service, request, record, bodies.accept_patch(request.json(), record.job))


async def put(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace all properties of a job that can change."""
    record = _found(service, request)
    return _respecify(service, request, record, bodies.accept_replacement(request.json(), record.job))


def _respecify(
    service: Service, request: OperationRequest, record: StoredJob, changes: dict[str, Any]
) -> OperationResponse:
    record.job = jobs.with_properties(record.job, changes, service_clock.now())
    service.engine.job_changed(record)
    return responses.changed(request, 200, record.job.last_modified)


async def delete(service: Service, request: OperationRequest) -> OperationResponse:
    """Delete a job and its tasks."""
    service.engine.delete_job(_found(service, request))
    return OperationResponse(status=202)


async def disable(service: Service, request: OperationRequest) -> OperationResponse:
    """Disable a job: its tasks are no longer scheduled."""
    record = _found(service, request)
    service.engine.disable_job(record, bodies.accept_disabling(request.json()))
    return responses.changed(request, 202, record.job.last_modified)


async def enable(service: Service, request: OperationRequest) -> OperationResponse:
    """Enable a job: its tasks are scheduled again."""
    record = _found(service, request)
    record.job = jobs.enabled(record.job, service_clock.now())
    service.engine.wake()
    return responses.changed(request, 202, record.job.last_modified)


async def terminate(service: Service, request: OperationRequest) -> OperationResponse:
    """Terminate a job."""
    record = _found(service, request)
    service.engine.end_job(record, bodies.accept_termination(request.json()), by_user=True)
    return responses.changed(request, 202, record.job.last_modified)


async def task_counts(service: Service, request: OperationRequest) -> OperationResponse:
    """Count the tasks of a job in each state."""
    record = service.engine.store.job(request.ids["jobId"])
    return responses.value(request, "taskcountsresult/@Element", record.counts())


async def preparation_status(service: Service, request: OperationRequest) -> OperationResponse:
    """List the status of a job's preparation and release tasks on each node."""
    record = service.engine.store.job(request.ids["jobId"])
    if "jobPreparationTask" not in record.job.spec:
        raise BatchError("JobPreparationTaskOrReleaseTaskNotSpecified")
    listing = Listing(
        fragment="jobpreparationandreleasetaskstatuslist",
        ids=sorted(node_id for node_id, visit in record.node_statuses.items() if visit.preparation),
        fetch=record.node_statuses.__getitem__,
        fields=_VISIT_FIELDS,
        view=lambda visit: preparation_and_release_status_view(visit, record.job, request.base),
    )
    return list_response(request, listing)


OPERATIONS: Final = (
    Operation("POST", "/jobs", create),
    Operation("GET", "/jobs", list_all),
    Operation("GET", "/jobs/{jobId}", get),
    Operation("PATCH", "/jobs/{jobId}", patch),
    Operation("PUT", "/jobs/{jobId}", put),
    Operation("DELETE", "/jobs/{jobId}", delete),
    Operation("POST", "/jobs/{jobId}/disable", disable),
    Operation("POST", "/jobs/{jobId}/enable", enable),
    Operation("POST", "/jobs/{jobId}/terminate", terminate),
    Operation("GET", "/jobs/{jobId}/taskcounts", task_counts),
    Operation("GET", "/jobs/{jobId}/jobpreparationandreleasetaskstatus", preparation_status),
)
