"""The JSON of job schedules: request bodies and views."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies.job_bodies import specification
from fakebatch.bodies.property_schema import (
    ObjectSchema,
    at_least,
    identifier,
    moment,
    optional,
    required,
    string,
)
from fakebatch.bodies.shared_properties import METADATA
from fakebatch.errors import BatchError
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field

_MINUTE: Final = at_least("PT1M")
_TIMING = ObjectSchema(
    doNotRunUntil=moment, doNotRunAfter=moment, startWindow=_MINUTE, recurrenceInterval=_MINUTE
)
_CREATE = ObjectSchema(
    id=required(identifier),
    displayName=string,
    schedule=optional(_TIMING, {}),
    jobSpecification=required(specification),
    metadata=METADATA,
)
_PATCH = ObjectSchema(schedule=_TIMING, jobSpecification=specification, metadata=METADATA)
# Clients PUT a whole schedule as they got it, so properties that cannot be changed are accepted and ignored.
_READ_ONLY: Final = frozenset(
    (
        "creationTime",
        "displayName",
        "eTag",
        "executionInfo",
        "id",
        "lastModified",
        "previousState",
        "previousStateTransitionTime",
        "state",
        "stateTransitionTime",
        "stats",
        "url",
    )
)
_REPLACED: Final[dict[str, Any]] = {"schedule": {}, "metadata": []}

FIELDS: Final[Mapping[str, Field[JobScheduleEntity]]] = {
    "id": Field("text", lambda schedule: schedule.id),
    "state": Field("text", lambda schedule: schedule.state),
    "stateTransitionTime": Field("time", lambda schedule: schedule.state_since),
    "creationTime": Field("time", lambda schedule: schedule.created_at),
    "lastModified": Field("time", lambda schedule: schedule.last_modified),
    "previousState": Field("text", lambda schedule: schedule.previous_state),
    "previousStateTransitionTime": Field("time", lambda schedule: schedule.previous_state_since),
    "executionInfo/nextRunTime": Field("time", lambda schedule: schedule.next_at),
    "executionInfo/endTime": Field("time", lambda schedule: schedule.ended_at),
}


def accept_schedule(body: Any) -> dict[str, Any]:
    """Return the stored properties of a job schedule to be created."""
    return _CREATE(body)


def accept_patch(body: Any) -> dict[str, Any]:
    """Return the properties that a PATCH replaces."""
    return _PATCH.changes(body)


def accept_replacement(body: Any) -> dict[str, Any]:
    """Return the properties that a PUT replaces: all that can change. Those not given get their defaults."""
    if not isinstance(body, dict):
        raise BatchError("InvalidRequestBody", Reason="The body must be an object.")
    given = _PATCH.changes({name: value for name, value in body.items() if name not in _READ_ONLY})
    if "jobSpecification" not in given:
        raise BatchError("MissingRequiredProperty", PropertyName="jobSpecification")
    return _REPLACED | given


def schedule_view(schedule: JobScheduleEntity, base: str) -> dict[str, Any]:
    """Return the JSON of a job schedule."""
    view: dict[str, Any] = {"id": schedule.id}
    if "displayName" in schedule.spec:
        view["displayName"] = schedule.spec["displayName"]
    view |= {
        "url": f"{base}/jobschedules/{schedule.id}",
        "eTag": timestamps.etag(schedule.last_modified),
        "lastModified": timestamps.to_iso(schedule.last_modified),
        "creationTime": timestamps.to_iso(schedule.created_at),
        "state": schedule.state,
        "stateTransitionTime": timestamps.to_iso(schedule.state_since),
    }
    if schedule.previous_state is not None and schedule.previous_state_since is not None:
        view["previousState"] = schedule.previous_state
        view["previousStateTransitionTime"] = timestamps.to_iso(schedule.previous_state_since)
    view["schedule"] = schedule.spec["schedule"]
    view["jobSpecification"] = _specification_view(schedule.spec["jobSpecification"])
    view["executionInfo"] = _execution_view(schedule, base)
    if schedule.spec.get("metadata"):
        view["metadata"] = schedule.spec["metadata"]
    return view


def _specification_view(specification: Mapping[str, Any]) -> dict[str, Any]:
    # In a job specification, onAllTasksComplete and onTaskFailure come before the constraints; in a job,
    # after.
    first = (
        "displayName",
        "priority",
        "maxParallelTasks",
        "allowTaskPreemption",
        "usesTaskDependencies",
        "onAllTasksComplete",
        "onTaskFailure",
    )
    view = {name: specification[name] for name in first if name in specification}
    return view | {name: shown for name, shown in specification.items() if name not in first}


def _execution_view(schedule: JobScheduleEntity, base: str) -> dict[str, Any]:
    view: dict[str, Any] = {}
    if schedule.next_at is not None:
        view["nextRunTime"] = timestamps.to_iso(schedule.next_at)
    if schedule.recent_job_id is not None:
        view["recentJob"] = {
            "url": f"{base}/jobs/{schedule.recent_job_id}",
            "id": schedule.recent_job_id,
        }
    if schedule.ended_at is not None:
        view["endTime"] = timestamps.to_iso(schedule.ended_at)
    return view
