"""The JSON of jobs: request bodies and views."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies import virtual_machine_properties as machine
from fakebatch.bodies.job_task_bodies import MANAGER, PREPARATION, RELEASE, with_tasks
from fakebatch.bodies.pool_bodies import specification as pool_specification
from fakebatch.bodies.property_schema import (
    ObjectSchema,
    boolean,
    choice,
    duration,
    identifier,
    integer,
    optional,
    required,
    string,
)
from fakebatch.bodies.shared_properties import ENVIRONMENT, FLAG, METADATA, UNLIMITED
from fakebatch.errors import BatchError, invalid_property
from fakebatch.model.job_entity import JobEntity
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field

_LONGEST_PREFIX: Final = 20


def _prefix(value: Any, name: str) -> str:
    if len(string(value, name)) > _LONGEST_PREFIX:
        raise invalid_property(name, value, f"A prefix has at most {_LONGEST_PREFIX} characters.")
    return str(value)


_PRIORITY = integer(-1000, 1000)
_CONSTRAINTS = ObjectSchema(
    maxWallClockTime=optional(duration, UNLIMITED), maxTaskRetryCount=optional(integer(-1), 0)
)
_AUTO_POOL = ObjectSchema(
    autoPoolIdPrefix=_prefix,
    poolLifetimeOption=required(choice("jobschedule", "job")),
    keepAlive=FLAG,
    pool=required(pool_specification),
)
_POOL_INFO_PARTS = ObjectSchema(poolId=identifier, autoPoolSpecification=_AUTO_POOL)


def _pool_info(value: Any, name: str) -> dict[str, Any]:
    stored = _POOL_INFO_PARTS(value, name)
    if len(stored) != 1:
        raise invalid_property(
            name, sorted(stored), "Exactly one of poolId and autoPoolSpecification must be given."
        )
    return stored


def _max_parallel_tasks(value: Any, name: str) -> int:
    if value == 0:
        raise invalid_property(name, value, "The value must be -1 or greater than 0.")
    stored: int = integer(-1)(value, name)
    return stored


_CREATE = ObjectSchema(
    id=required(identifier),
    displayName=string,
    priority=optional(_PRIORITY, 0),
    maxParallelTasks=optional(_max_parallel_tasks, -1),
    usesTaskDependencies=FLAG,
    allowTaskPreemption=FLAG,
    constraints=optional(_CONSTRAINTS, {}),
    jobManagerTask=MANAGER,
    jobPreparationTask=PREPARATION,
    jobReleaseTask=RELEASE,
    commonEnvironmentSettings=ENVIRONMENT,
    networkConfiguration=machine.JOB_NETWORK,
    poolInfo=required(_pool_info),
    metadata=METADATA,
    onAllTasksComplete=optional(choice("noaction", "terminatejob"), "noaction"),
    onTaskFailure=optional(choice("noaction", "performexitoptionsjobaction"), "noaction"),
)
_SPECIFICATION = ObjectSchema(**{name: rule for name, rule in _CREATE.properties.items() if name != "id"})


def specification(value: Any, name: str) -> dict[str, Any]:
    """Accept the `jobSpecification` of a job schedule: the properties of a job without an id."""
    stored = _SPECIFICATION(value, name)
    # A specification from which no job can be created is refused now. Later there is no request to refuse.
    with_tasks(dict(stored))
    return stored


_PATCH = ObjectSchema(
    priority=_PRIORITY,
    allowTaskPreemption=boolean,
    maxParallelTasks=_max_parallel_tasks,
    constraints=_CONSTRAINTS,
    poolInfo=_pool_info,
    onAllTasksComplete=choice("noaction", "terminatejob"),
    metadata=METADATA,
    networkConfiguration=machine.JOB_NETWORK,
)
# Clients PUT a whole job as they got it, so properties that cannot be changed are accepted and ignored.
_READ_ONLY: Final = frozenset(
    (
        "commonEnvironmentSettings",
        "creationTime",
        "displayName",
        "eTag",
        "executionInfo",
        "id",
        "jobManagerTask",
        "jobPreparationTask",
        "jobReleaseTask",
        "lastModified",
        "onTaskFailure",
        "previousState",
        "previousStateTransitionTime",
        "state",
        "stateTransitionTime",
        "stats",
        "url",
        "usesTaskDependencies",
    )
)
_REPLACED: Final = {
    "priority": 0,
    "allowTaskPreemption": False,
    "maxParallelTasks": -1,
    "constraints": _CONSTRAINTS({}),
    "onAllTasksComplete": "noaction",
    "metadata": [],
}
_TERMINATE = ObjectSchema(terminateReason=string)
_DISABLE = ObjectSchema(disableTasks=required(choice("requeue", "terminate", "wait")))

FIELDS: Final[Mapping[str, Field[JobEntity]]] = {
    "id": Field("text", lambda job: job.id),
    "state": Field("text", lambda job: job.state),
    "stateTransitionTime": Field("time", lambda job: job.state_since),
    "creationTime": Field("time", lambda job: job.created_at),
    "lastModified": Field("time", lambda job: job.last_modified),
    "previousState": Field("text", lambda job: job.previous_state),
    "previousStateTransitionTime": Field("time", lambda job: job.previous_state_since),
    "executionInfo/startTime": Field("time", lambda job: job.started_at),
    "executionInfo/endTime": Field("time", lambda job: job.ended_at),
    "executionInfo/poolId": Field("text", lambda job: job.pool_id),
    "executionInfo/terminateReason": Field("text", lambda job: job.terminate_reason),
}


def accept_job(body: Any) -> dict[str, Any]:
    """Return the stored properties of a job to be created."""
    return with_tasks(_CREATE(body))


def accept_patch(body: Any, job: JobEntity) -> dict[str, Any]:
    """Return the properties that a PATCH replaces. A property that is an object is replaced as a whole."""
    return _checked(_PATCH.changes(body), job)


def accept_replacement(body: Any, job: JobEntity) -> dict[str, Any]:
    """Return the properties that a PUT replaces: all that can change. Those not given get their defaults."""
    if not isinstance(body, dict):
        raise BatchError("InvalidRequestBody", Reason="The body must be an object.")
    given = _PATCH.changes({name: value for name, value in body.items() if name not in _READ_ONLY})
    if "poolInfo" not in given:
        raise BatchError("MissingRequiredProperty", PropertyName="poolInfo")
    return _checked(_REPLACED | given, job)


def accept_termination(body: Any) -> str:
    """Return the `terminateReason` for a job that is to be terminated."""
    reason: str = _TERMINATE(body).get("terminateReason", "UserTerminate")
    return reason


def accept_disabling(body: Any) -> str:
    """Return what happens to running tasks: requeue, terminate or wait."""
    mode: str = _DISABLE(body)["disableTasks"]
    return mode


def _checked(changes: dict[str, Any], job: JobEntity) -> dict[str, Any]:
    on_complete = changes.get("onAllTasksComplete")
    if on_complete == "noaction" and job.spec["onAllTasksComplete"] == "terminatejob":
        raise invalid_property(
            "onAllTasksComplete", on_complete, "It cannot be changed from terminatejob to noaction."
        )
    if "autoPoolSpecification" in changes.get("poolInfo", {}) and job.auto_pool_id is None:
        raise invalid_property("poolInfo", "autoPoolSpecification", "The job has a pool already.")
    pool = changes.get("poolInfo", {}).get("poolId", job.pool_id)
    if pool.lower() != job.pool_id.lower() and job.state != "disabled":
        raise invalid_property("poolId", pool, "The pool can be changed only while the job is disabled.")
    return changes


def job_view(job: JobEntity, base: str) -> dict[str, Any]:
    """Return the JSON of a job."""
    spec = dict(job.spec)
    view: dict[str, Any] = {"id": spec.pop("id")}
    if "displayName" in spec:
        view["displayName"] = spec.pop("displayName")
    view |= {
        "url": f"{base}/jobs/{job.id}",
        "eTag": timestamps.etag(job.last_modified),
        "lastModified": timestamps.to_iso(job.last_modified),
        "creationTime": timestamps.to_iso(job.created_at),
        "state": job.state,
        "stateTransitionTime": timestamps.to_iso(job.state_since),
    }
    if job.previous_state is not None and job.previous_state_since is not None:
        view["previousState"] = job.previous_state
        view["previousStateTransitionTime"] = timestamps.to_iso(job.previous_state_since)
    reactions = {name: spec.pop(name) for name in ("onAllTasksComplete", "onTaskFailure")}
    if not spec.get("metadata"):
        spec.pop("metadata", None)
    return view | spec | {"executionInfo": _execution_view(job)} | reactions


def _execution_view(job: JobEntity) -> dict[str, Any]:
    view: dict[str, Any] = {"startTime": timestamps.to_iso(job.started_at)}
    if job.ended_at is not None:
        view["endTime"] = timestamps.to_iso(job.ended_at)
    view["poolId"] = job.pool_id
    if job.ended_at is not None:
        view["terminateReason"] = job.terminate_reason
    return view
