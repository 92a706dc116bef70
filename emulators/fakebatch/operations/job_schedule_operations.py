"""Operations on job schedules."""

from typing import Final

from fakebatch.bodies import job_bodies
from fakebatch.bodies import job_schedule_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import job_schedule_entity as schedules
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.operations.operation import Operation, Service
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.operation_request import OperationRequest, check_conditions
from fakebatch.wire.operation_response import OperationResponse


def _found(service: Service, request: OperationRequest) -> JobScheduleEntity:
    schedule = service.engine.store.schedule(request.ids["jobScheduleId"])
    check_conditions(request, schedule.last_modified)
    return schedule


async def create(service: Service, request: OperationRequest) -> OperationResponse:
    """Create a job schedule."""
    spec = bodies.accept_schedule(request.json())
    store = service.engine.store
    if spec["id"] in store.schedules:
        raise BatchError("JobScheduleExists")
    if spec["id"] in store.jobs:
        raise BatchError("JobWithSameIdExists")
    if store.active_jobs_and_schedules() >= service.quotas().active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    schedule = service.schedules.add(spec)
    return responses.created(f"{request.base}/jobschedules/{schedule.id}", schedule.last_modified)


async def exists(service: Service, request: OperationRequest) -> OperationResponse:
    """Check whether a job schedule exists."""
    return responses.stamped(200, _found(service, request).last_modified)


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get a job schedule."""
    schedule = _found(service, request)
    view = select(request, bodies.schedule_view(schedule, request.base))
    return responses.entity(request, "jobschedules", view, schedule.last_modified)


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the job schedules."""
    shelf = service.engine.store.schedules
    listing = Listing(
        fragment="jobschedules",
        ids=shelf.ids,
        fetch=shelf.__getitem__,
        fields=bodies.FIELDS,
        view=lambda schedule: bodies.schedule_view(schedule, request.base),
    )
    return list_response(request, listing)


async def list_jobs(service: Service, request: OperationRequest) -> OperationResponse:
    """List the jobs that a schedule created."""
    store = service.engine.store
    jobs = [record.job for record in store.jobs_of(store.schedule(request.ids["jobScheduleId"]))]
    by_id = {job.id: job for job in jobs}
    listing = Listing(
        fragment="jobs",
        ids=list(by_id),
        fetch=by_id.__getitem__,
        fields=job_bodies.FIELDS,
        view=lambda job: job_bodies.job_view(job, request.base),
    )
    return list_response(request, listing)


async def patch(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace some properties of a job schedule."""
    schedule = _found(service, request)
    return _respecify(service, request, schedule, bodies.accept_patch(request.json()))


async def put(service: Service, request: OperationRequest) -> OperationResponse:
    """Replace all properties of a job schedule that can change."""
    schedule = _found(service, request)
    return _respecify(service, request, schedule, bodies.accept_replacement(request.json()))


def _respecify(
    service: Service, request: OperationRequest, schedule: JobScheduleEntity, changes: dict[str, object]
) -> OperationResponse:
    changed = schedules.with_properties(schedule, changes, service_clock.now())
    service.schedules.put(changed)
    return responses.changed(request, 200, changed.last_modified)


async def disable(service: Service, request: OperationRequest) -> OperationResponse:
    """Disable a job schedule: it creates no more jobs."""
    changed = schedules.disabled(_found(service, request), service_clock.now())
    service.schedules.put(changed)
    return responses.changed(request, 204, changed.last_modified)


async def enable(service: Service, request: OperationRequest) -> OperationResponse:
    """Enable a job schedule: it creates jobs again."""
    changed = schedules.enabled(_found(service, request), service_clock.now())
    service.schedules.put(changed)
    return responses.changed(request, 204, changed.last_modified)


async def terminate(service: Service, request: OperationRequest) -> OperationResponse:
    """Terminate a job schedule and its active job."""
    ended = service.schedules.terminate(_found(service, request))
    return responses.changed(request, 202, ended.last_modified)


async def delete(service: Service, request: OperationRequest) -> OperationResponse:
    """Delete a job schedule and its jobs."""
    service.schedules.delete(_found(service, request))
    return OperationResponse(status=202)


OPERATIONS: Final = (
    Operation("POST", "/jobschedules", create),
    Operation("GET", "/jobschedules", list_all),
    Operation("GET", "/jobschedules/{jobScheduleId}", get),
    Operation("HEAD", "/jobschedules/{jobScheduleId}", exists),
    Operation("PATCH", "/jobschedules/{jobScheduleId}", patch),
    Operation("PUT", "/jobschedules/{jobScheduleId}", put),
    Operation("DELETE", "/jobschedules/{jobScheduleId}", delete),
    Operation("GET", "/jobschedules/{jobScheduleId}/jobs", list_jobs),
    Operation("POST", "/jobschedules/{jobScheduleId}/disable", disable),
    Operation("POST", "/jobschedules/{jobScheduleId}/enable", enable),
    Operation("POST", "/jobschedules/{jobScheduleId}/terminate", terminate),
)
