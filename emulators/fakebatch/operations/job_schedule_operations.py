"""Operations on job schedules."""

from typing import Final

from fakebatch.bodies import job_bodies
from fakebatch.bodies import job_schedule_bodies as bodies
from fakebatch.errors import BatchError
from fakebatch.model import stored_job_schedule as schedules
from fakebatch.model.stored_job_schedule import Schedule
from fakebatch.operations.operation import Operation, Service
from fakebatch.wire import operation_response as responses
from fakebatch.wire import service_clock
from fakebatch.wire.list_pages import Listing, answer_list, select
from fakebatch.wire.operation_request import Call, check_conditions
from fakebatch.wire.operation_response import Answer


def _found(service: Service, call: Call) -> Schedule:
    schedule = service.engine.store.schedule(call.ids["jobScheduleId"])
    check_conditions(call, schedule.last_modified)
    return schedule


async def create(service: Service, call: Call) -> Answer:
    """Create a job schedule."""
    spec = bodies.accept_schedule(call.json())
    store = service.engine.store
    if spec["id"] in store.schedules:
        raise BatchError("JobScheduleExists")
    if spec["id"] in store.jobs:
        raise BatchError("JobWithSameIdExists")
    if store.active_jobs_and_schedules() >= service.quotas().active_jobs:
        raise BatchError("ActiveJobAndScheduleQuotaReached")
    schedule = service.schedules.add(spec)
    return responses.created(f"{call.base}/jobschedules/{schedule.id}", schedule.last_modified)


async def exists(service: Service, call: Call) -> Answer:
    """Tell whether a job schedule exists."""
    return responses.stamped(200, _found(service, call).last_modified)


async def get(service: Service, call: Call) -> Answer:
    """Show a job schedule."""
    schedule = _found(service, call)
    view = select(call, bodies.schedule_view(schedule, call.base))
    return responses.entity(call, "jobschedules", view, schedule.last_modified)


async def list_all(service: Service, call: Call) -> Answer:
    """List the job schedules."""
    shelf = service.engine.store.schedules
    listing = Listing(
        fragment="jobschedules",
        ids=shelf.ids,
        fetch=shelf.__getitem__,
        fields=bodies.FIELDS,
        view=lambda schedule: bodies.schedule_view(schedule, call.base),
    )
    return answer_list(call, listing)


async def list_jobs(service: Service, call: Call) -> Answer:
    """List the jobs a schedule created."""
    store = service.engine.store
    jobs = [record.job for record in store.jobs_of(store.schedule(call.ids["jobScheduleId"]))]
    by_id = {job.id: job for job in jobs}
    listing = Listing(
        fragment="jobs",
        ids=list(by_id),
        fetch=by_id.__getitem__,
        fields=job_bodies.FIELDS,
        view=lambda job: job_bodies.job_view(job, call.base),
    )
    return answer_list(call, listing)


async def patch(service: Service, call: Call) -> Answer:
    """Replace some properties of a job schedule."""
    schedule = _found(service, call)
    return _respecify(service, call, schedule, bodies.accept_patch(call.json()))


async def put(service: Service, call: Call) -> Answer:
    """Replace all properties of a job schedule that can change."""
    schedule = _found(service, call)
    return _respecify(service, call, schedule, bodies.accept_replacement(call.json()))


def _respecify(service: Service, call: Call, schedule: Schedule, changes: dict[str, object]) -> Answer:
    changed = schedules.respecified(schedule, changes, service_clock.now())
    service.schedules.put(changed)
    return responses.changed(call, 200, changed.last_modified)


async def disable(service: Service, call: Call) -> Answer:
    """Stop creating jobs."""
    changed = schedules.disabled(_found(service, call), service_clock.now())
    service.schedules.put(changed)
    return responses.changed(call, 204, changed.last_modified)


async def enable(service: Service, call: Call) -> Answer:
    """Create jobs again."""
    changed = schedules.enabled(_found(service, call), service_clock.now())
    service.schedules.put(changed)
    return responses.changed(call, 204, changed.last_modified)


async def terminate(service: Service, call: Call) -> Answer:
    """End a job schedule and its active job."""
    ended = service.schedules.terminate(_found(service, call))
    return responses.changed(call, 202, ended.last_modified)


async def delete(service: Service, call: Call) -> Answer:
    """Remove a job schedule with its jobs."""
    service.schedules.delete(_found(service, call))
    return Answer(status=202)


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
