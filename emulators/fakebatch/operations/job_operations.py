"""Operations on jobs."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies import job_bodies as bodies
from fakebatch.bodies.node_run_views import visit_view
from fakebatch.errors import BatchError
from fakebatch.model import stored_job as jobs
from fakebatch.model.preparation_and_release import Visit
from fakebatch.operations.operation import Operation, Service
from fakebatch.store import JobRecord
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, answer_list, select
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import Call, check_conditions
from fakebatch.wire.operation_response import Answer

_VISIT_FIELDS: Final[Mapping[str, Field[Visit]]] = {
    "poolId": Field("text", lambda visit: visit.pool_id),
    "nodeId": Field("text", lambda visit: visit.node_id),
}


def _found(service: Service, call: Call) -> JobRecord:
    record = service.engine.store.job(call.ids["jobId"])
    check_conditions(call, record.job.last_modified)
    return record


async def create(service: Service, call: Call) -> Answer:
    """Create a job. Its pool need not exist yet: its tasks wait until it does."""
    spec = bodies.accept_job(call.json())
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
    # The service gives this address whatever the id of the job.
    return responses.created(f"{call.base}/jobs/job-1", record.job.last_modified)


async def get(service: Service, call: Call) -> Answer:
    """Show a job."""
    job = _found(service, call).job
    return responses.entity(call, "jobs", select(call, bodies.job_view(job, call.base)), job.last_modified)


async def list_all(service: Service, call: Call) -> Answer:
    """List the jobs."""
    shelf = service.engine.store.jobs
    listing = Listing(
        fragment="jobs",
        ids=shelf.ids,
        fetch=lambda job_id: shelf[job_id].job,
        fields=bodies.FIELDS,
        view=lambda job: bodies.job_view(job, call.base),
    )
    return answer_list(call, listing)


async def patch(service: Service, call: Call) -> Answer:
    """Replace some properties of a job."""
    record = _found(service, call)
    return _respecify(service, call, record, bodies.accept_patch(call.json(), record.job))


async def put(service: Service, call: Call) -> Answer:
    """Replace all properties of a job that can change."""
    record = _found(service, call)
    return _respecify(service, call, record, bodies.accept_replacement(call.json(), record.job))


def _respecify(service: Service, call: Call, record: JobRecord, changes: dict[str, Any]) -> Answer:
    record.job = jobs.respecified(record.job, changes, service_clock.now())
    service.engine.job_changed(record)
    return responses.changed(call, 200, record.job.last_modified)


async def delete(service: Service, call: Call) -> Answer:
    """Remove a job with its tasks."""
    service.engine.delete_job(_found(service, call))
    return Answer(status=202)


async def disable(service: Service, call: Call) -> Answer:
    """Stop scheduling the tasks of a job."""
    record = _found(service, call)
    service.engine.disable_job(record, bodies.accept_disabling(call.json()))
    return responses.changed(call, 202, record.job.last_modified)


async def enable(service: Service, call: Call) -> Answer:
    """Schedule the tasks of a job again."""
    record = _found(service, call)
    record.job = jobs.enabled(record.job, service_clock.now())
    service.engine.wake()
    return responses.changed(call, 202, record.job.last_modified)


async def terminate(service: Service, call: Call) -> Answer:
    """End a job."""
    record = _found(service, call)
    service.engine.end_job(record, bodies.accept_termination(call.json()), by_user=True)
    return responses.changed(call, 202, record.job.last_modified)


async def task_counts(service: Service, call: Call) -> Answer:
    """Tell how many tasks of a job are in which state."""
    record = service.engine.store.job(call.ids["jobId"])
    return responses.value(call, "taskcountsresult/@Element", record.counts())


async def preparation_status(service: Service, call: Call) -> Answer:
    """Tell how the preparation and the release of a job went on each node."""
    record = service.engine.store.job(call.ids["jobId"])
    if "jobPreparationTask" not in record.job.spec:
        raise BatchError("JobPreparationTaskOrReleaseTaskNotSpecified")
    listing = Listing(
        fragment="jobpreparationandreleasetaskstatuslist",
        ids=sorted(node_id for node_id, visit in record.visits.items() if visit.preparation),
        fetch=record.visits.__getitem__,
        fields=_VISIT_FIELDS,
        view=lambda visit: visit_view(visit, record.job, call.base),
    )
    return answer_list(call, listing)


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
