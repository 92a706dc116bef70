"""The JSON of nodes: request bodies and views."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakebatch.bodies.node_endpoint_views import endpoints_view
from fakebatch.bodies.node_run_views import run_view
from fakebatch.bodies.property_schema import ObjectSchema, choice, optional
from fakebatch.bodies.task_bodies import SUMMARY, subtask_view
from fakebatch.failure_info import FailureInfo
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_entity import TaskEntity
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field

_OPTIONS: Final = ("requeue", "terminate", "taskcompletion", "retaineddata")
_BODIES: Final = {
    "rebooting": ObjectSchema(nodeRebootOption=optional(choice(*_OPTIONS), "requeue")),
    "reimaging": ObjectSchema(nodeReimageOption=optional(choice(*_OPTIONS), "requeue")),
    "deallocating": ObjectSchema(nodeDeallocateOption=optional(choice(*_OPTIONS), "requeue")),
    "offline": ObjectSchema(nodeDisableSchedulingOption=optional(choice(*_OPTIONS[:3]), "requeue")),
}

NODE_FIELDS: Final[Mapping[str, Field[NodeEntity]]] = {
    "id": Field("text", lambda node: node.id),
    "state": Field("text", lambda node: node.state),
    "stateTransitionTime": Field("time", lambda node: node.state_since),
    "lastBootTime": Field("time", lambda node: node.booted_at),
}
_COUNTED: Final = (
    "creating",
    "idle",
    "leavingPool",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "unusable",
    "unknown",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
    "total",
)
_EXECUTION: Final = ("startTime", "endTime", "exitCode", "failureInfo", "result")
_AGENT: Final = "1.8.7"
_LATEST: Final = "latest"


def accept_option(state: str, body: Any) -> str:
    """Return what happens to the tasks of a node when a request moves it to a state."""
    [option] = _BODIES[state](body).values()
    return str(option)


def node_view(node: NodeEntity, pool: PoolEntity, base: str, recent: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON of a node. `recent` are the views of its recent tasks."""
    view: dict[str, Any] = {
        "id": node.id,
        "url": f"{base}/pools/{pool.id}/nodes/{node.id}",
        "state": node.state,
        "schedulingState": "enabled" if node.schedules else "disabled",
        "stateTransitionTime": timestamps.to_iso(node.state_since),
        "lastBootTime": timestamps.to_iso(node.booted_at),
        "allocationTime": timestamps.to_iso(node.created_at),
        "ipAddress": node.address,
        "affinityId": f"TVM:{node.id}",
        "vmSize": pool.spec["vmSize"],
        "totalTasksRun": node.load.tasks_run,
        "totalTasksSucceeded": node.load.tasks_succeeded,
        "runningTasksCount": node.load.running_tasks,
        "runningTaskSlotsCount": node.load.used_slots,
    }
    if recent:
        view["recentTasks"] = recent
    if node.start_spec is not None:
        view["startTask"] = node.start_spec
    if node.start_run is not None:
        view["startTaskInfo"] = run_view(node.start_run)
    if node.errors:
        view["errors"] = [_error_view(error) for error in node.errors]
    view |= {"isDedicated": node.dedicated, "endpointConfiguration": endpoints_view(node, pool)}
    if node.has_agent:
        # The agent is part of the fake Batch, so it was last updated when the node booted.
        view["nodeAgentInfo"] = {"lastUpdateTime": timestamps.to_iso(node.booted_at), "version": _AGENT}
    return view | {"virtualMachineInfo": _machine_view(pool)}


def recent_task_view(job_id: str, task: TaskEntity, subtask: Subtask | None, base: str) -> dict[str, Any]:
    """Return the JSON of a task, or of one of its subtasks, for the `recentTasks` of a node."""
    view: dict[str, Any] = {
        "taskUrl": f"{base}/jobs/{job_id}/tasks/{task.id}",
        "jobId": job_id,
        "taskId": task.id,
    }
    if subtask is None:
        return view | {"taskState": task.state, "executionInfo": SUMMARY["executionInfo"](task)}
    shown = subtask_view(subtask, task, job_id, base)
    execution = {name: shown[name] for name in _EXECUTION if name in shown}
    counts = {"retryCount": 0, "requeueCount": 0}
    return view | {
        "subtaskId": subtask.number,
        "taskState": subtask.state,
        "executionInfo": execution | counts,
    }


def _machine_view(pool: PoolEntity) -> dict[str, Any]:
    machine = pool.spec.get("virtualMachineConfiguration")
    if machine is None:
        return {}
    image = machine["imageReference"]
    exact = image.get("version", _LATEST)
    # Images are not looked up, so the exact version of `latest` is not known.
    return {"imageReference": image if exact == _LATEST else {**image, "exactVersion": exact}}


def _error_view(error: FailureInfo) -> dict[str, Any]:
    view: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        view["errorDetails"] = [{"name": name, "value": value} for name, value in error.details]
    return view


def counts_view(pool: PoolEntity, nodes: Iterable[NodeEntity]) -> dict[str, Any]:
    """Return the JSON with the number of nodes of a pool in each state."""
    counts = {kind: dict.fromkeys(_COUNTED, 0) for kind in ("dedicated", "lowPriority")}
    by_state = {name.lower(): name for name in _COUNTED}
    for node in nodes:
        counted = counts["dedicated" if node.dedicated else "lowPriority"]
        counted[by_state[node.state]] += 1
        counted["total"] += 1
    return {"poolId": pool.id} | counts
