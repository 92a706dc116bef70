"""The JSON of tasks: request bodies and views."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fakebatch.bodies.property_schema import (
    ObjectSchema,
    identifier,
    integer,
    legacy,
    list_of,
    opaque,
    optional,
    required,
    string,
)
from fakebatch.bodies.shared_properties import (
    APPLICATION_PACKAGES,
    AUTHENTICATION_TOKEN,
    CONTAINER,
    DEPENDS_ON,
    ENVIRONMENT,
    EXIT_CONDITIONS,
    OUTPUT_FILES,
    TASK_CONSTRAINTS,
    USER_IDENTITY,
    resource_file,
)
from fakebatch.errors import BatchError, invalid_property
from fakebatch.model.job_entity import directory
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_entity import Placement, TaskEntity
from fakebatch.model.task_spec import as_dict
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field

_MOST_DEPENDENCY_CHARACTERS: Final = 64_000

_MULTI_INSTANCE = ObjectSchema(
    numberOfInstances=optional(integer(1), 1),
    coordinationCommandLine=required(string),
    commonResourceFiles=list_of(resource_file),
)
_CREATE = ObjectSchema(
    id=required(identifier),
    displayName=string,
    commandLine=required(string),
    containerSettings=CONTAINER,
    applicationPackageReferences=APPLICATION_PACKAGES,
    resourceFiles=list_of(resource_file),
    outputFiles=OUTPUT_FILES,
    environmentSettings=ENVIRONMENT,
    affinityInfo=ObjectSchema(affinityId=required(string)),
    userIdentity=optional(USER_IDENTITY, {"autoUser": {}}),
    multiInstanceSettings=_MULTI_INSTANCE,
    authenticationTokenSettings=legacy(AUTHENTICATION_TOKEN),
    exitConditions=EXIT_CONDITIONS,
    constraints=optional(opaque, {}),
    requiredSlots=optional(integer(1), 1),
    dependsOn=DEPENDS_ON,
)
_OWN_TASKS: Final = {
    "jobPreparationTask": "TaskIdSameAsJobPreparationTask",
    "jobReleaseTask": "TaskIdSameAsJobReleaseTask",
}
_MANAGER_ONLY: Final = frozenset({"runExclusive", "allowLowPriorityNode", "killJobOnCompletion"})
_REPLACE = ObjectSchema(constraints=optional(TASK_CONSTRAINTS, {}))

FIELDS: Final[Mapping[str, Field[TaskEntity]]] = {
    "id": Field("text", lambda task: task.id),
    "state": Field("text", lambda task: task.state),
    "stateTransitionTime": Field("time", lambda task: task.state_since),
    "executionInfo/startTime": Field("time", lambda task: task.started_at),
    "executionInfo/endTime": Field("time", lambda task: task.ended_at),
    "executionInfo/exitCode": Field("number", lambda task: task.exit_code),
    "executionInfo/retryCount": Field("number", lambda task: task.retries),
    "executionInfo/requeueCount": Field("number", lambda task: task.requeues),
    "executionInfo/result": Field("text", lambda task: task.result),
}


def accept_task(body: Any, job_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored properties of a task to be added to a job with the given properties.

    Raises BatchError for what the service refuses.
    """
    spec = _CREATE(body)
    for kind, code in _OWN_TASKS.items():
        if kind in job_spec and job_spec[kind]["id"].lower() == spec["id"].lower():
            raise BatchError(code)
    if "multiInstanceSettings" in spec and spec["requiredSlots"] != 1:
        raise invalid_property(
            "requiredSlots",
            spec["requiredSlots"],
            "A multi-instance task uses whole nodes, so the value must be 1.",
        )
    # A task without a maxTaskRetryCount gets the one that its job has now.
    limits = spec["constraints"]
    if limits.get("maxTaskRetryCount") is None:
        limits = {**limits, "maxTaskRetryCount": job_spec["constraints"]["maxTaskRetryCount"]}
    spec["constraints"] = TASK_CONSTRAINTS(limits)
    if "dependsOn" in spec:
        _check_dependencies(spec["dependsOn"], job_spec)
    if "exitConditions" in spec and job_spec["onTaskFailure"] == "noaction":
        _refuse_job_actions(spec["exitConditions"])
    return spec


def accept_replacement(body: Any) -> dict[str, Any]:
    """Return the properties that a PUT of a task replaces."""
    return _REPLACE(body)


def _check_dependencies(depends_on: Mapping[str, Any], job_spec: Mapping[str, Any]) -> None:
    if not job_spec["usesTaskDependencies"]:
        raise BatchError("TaskDependenciesNotSpecifiedOnJob")
    if sum(map(len, depends_on.get("taskIds", ()))) > _MOST_DEPENDENCY_CHARACTERS:
        raise BatchError("TaskDependencyListTooLong")
    for span in depends_on.get("taskIdRanges", ()):
        if span["start"] > span["end"]:
            raise invalid_property("taskIdRanges", span, "A range must not end before it starts.")


def _refuse_job_actions(conditions: Mapping[str, Any]) -> None:
    mappings = [*conditions.get("exitCodes", ()), *conditions.get("exitCodeRanges", ())]
    options = [mapping["exitOptions"] for mapping in mappings]
    options += [shown for name, shown in conditions.items() if name not in ("exitCodes", "exitCodeRanges")]
    for option in options:
        if "jobAction" in option:
            raise invalid_property(
                "jobAction",
                option["jobAction"],
                "The job's onTaskFailure is noaction, so no action is taken.",
            )


def task_view(task: TaskEntity, job_id: str, base: str) -> dict[str, Any]:
    """Return the JSON of a task."""
    spec = as_dict(task.spec)
    view: dict[str, Any] = {"id": spec.pop("id")}
    if "displayName" in spec:
        view["displayName"] = spec.pop("displayName")
    view |= {
        "url": f"{base}/jobs/{job_id}/tasks/{task.id}",
        "eTag": timestamps.etag(task.last_modified),
        "creationTime": timestamps.to_iso(task.created_at),
        "lastModified": timestamps.to_iso(task.last_modified),
        "state": task.state,
        "stateTransitionTime": timestamps.to_iso(task.state_since),
    }
    if task.previous_state is not None and task.previous_state_since is not None:
        view["previousState"] = task.previous_state
        view["previousStateTransitionTime"] = timestamps.to_iso(task.previous_state_since)
    # The properties that only a job manager task has are shown with its job.
    view |= {name: shown for name, shown in spec.items() if name not in _MANAGER_ONLY}
    view["executionInfo"] = _execution_view(task)
    if task.placement is not None:
        view["nodeInfo"] = _node_view(task.placement, job_id, task.id, base)
    return view


SUMMARY: Final[Mapping[str, Callable[[TaskEntity], Any]]] = {
    "id": lambda task: task.id,
    "eTag": lambda task: timestamps.etag(task.last_modified),
    "creationTime": lambda task: timestamps.to_iso(task.created_at),
    "lastModified": lambda task: timestamps.to_iso(task.last_modified),
    "state": lambda task: task.state,
    "stateTransitionTime": lambda task: timestamps.to_iso(task.state_since),
    "previousState": lambda task: task.previous_state,
    "previousStateTransitionTime": lambda task: _time(task.previous_state_since),
    "requiredSlots": lambda task: task.slots,
    "executionInfo": lambda task: _execution_view(task),
}
"""The properties that can be read without the rest of the task, in their order. None means not shown."""


def summary(job_id: str, base: str) -> Mapping[str, Callable[[TaskEntity], Any]]:
    """Return how to read these properties and two more: what a client needs that follows many tasks."""

    def node_info(task: TaskEntity) -> dict[str, Any] | None:
        return None if task.placement is None else _node_view(task.placement, job_id, task.id, base)

    return {**SUMMARY, "displayName": lambda task: task.spec.get("displayName"), "nodeInfo": node_info}


def _execution_view(task: TaskEntity) -> dict[str, Any]:
    shown: dict[str, Any] = {}  # made step by step: lists of many tasks are long
    if task.started_at is not None:
        shown["startTime"] = timestamps.to_iso(task.started_at)
    if task.ended_at is not None:
        shown["endTime"] = timestamps.to_iso(task.ended_at)
    if task.exit_code is not None:
        shown["exitCode"] = task.exit_code
    if task.container is not None:
        shown["containerInfo"] = task.container.view()
    if task.failure is not None:
        shown["failureInfo"] = task.failure.view()
    if task.result is not None:
        shown["result"] = task.result
    shown["retryCount"] = task.retries
    if task.last_retry_at is not None:
        shown["lastRetryTime"] = timestamps.to_iso(task.last_retry_at)
    shown["requeueCount"] = task.requeues
    if task.last_requeue_at is not None:
        shown["lastRequeueTime"] = timestamps.to_iso(task.last_requeue_at)
    return shown


def _time(at: int | None) -> str | None:
    return None if at is None else timestamps.to_iso(at)


def subtask_view(subtask: Subtask, task: TaskEntity, job_id: str, base: str) -> dict[str, Any]:
    """Return the JSON of a subtask of a multi-instance task."""
    before = None
    if subtask.ended_at is not None:
        before = "preparing" if subtask.started_at is None else "running"
    began = subtask.started_at or subtask.placed_at
    shown: dict[str, Any] = {
        "id": subtask.number,
        "nodeInfo": _node_view(subtask.placement, job_id, task.id, base),
        "startTime": _time(subtask.started_at),
        "endTime": _time(subtask.ended_at),
        "exitCode": subtask.exit_code,
        "failureInfo": None if subtask.failure is None else subtask.failure.view(),
        "state": subtask.state,
        "stateTransitionTime": timestamps.to_iso(subtask.ended_at or began),
        "previousState": before,
        "previousStateTransitionTime": None if before is None else timestamps.to_iso(began),
    }
    if subtask.state == "completed":
        shown["result"] = "success" if subtask.failure is None else "failure"
    return {name: value for name, value in shown.items() if value is not None}


def _node_view(placement: Placement, job_id: str, task_id: str, base: str) -> dict[str, Any]:
    pool, node = placement.pool_id, placement.node_id
    root = f"{directory(job_id)}/{task_id}"
    return {
        "affinityId": f"TVM:{node}",
        "nodeUrl": f"{base}/pools/{pool}/nodes/{node}",
        "poolId": pool,
        "nodeId": node,
        "taskRootDirectory": root,
        "taskRootDirectoryUrl": f"{base}/pools/{pool}/nodes/{node}/files/{root}",
    }
