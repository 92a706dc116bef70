"""Bodies and views of pools and nodes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from batchmgr.local.fakebatch.bodies import scaling
from batchmgr.local.fakebatch.bodies.parts import FLAG, METADATA, TASK_SCHEDULING_POLICY
from batchmgr.local.fakebatch.bodies.schema import (
    Record,
    boolean,
    choice,
    duration,
    identifier,
    integer,
    list_of,
    opaque,
    optional,
    required,
    string,
    unavailable,
)
from batchmgr.local.fakebatch.model.pool import Node, Pool
from batchmgr.local.fakebatch.wire import ticks
from batchmgr.local.fakebatch.wire.errors import BatchError
from batchmgr.local.fakebatch.wire.odata_filter import Field

_NODES = integer(0)
_SLOTS = integer(1, 256)


def _vm_size(value: Any, name: str) -> str:
    return string(value, name).lower()


_USER_ACCOUNT = Record(
    name=required(string),
    password=required(string),
    elevationLevel=optional(choice("nonadmin", "admin"), "nonadmin"),
    linuxUserConfiguration=opaque,
    windowsUserConfiguration=opaque,
)


def _user_account(value: Any, name: str) -> dict[str, Any]:
    # Secrets are never shown again, so they are not kept.
    shown = ("name", "elevationLevel")
    return {key: kept for key, kept in _USER_ACCOUNT(value, name).items() if key in shown}


_CREATE = Record(
    id=required(identifier),
    displayName=string,
    vmSize=required(_vm_size),
    resizeTimeout=optional(duration, "PT15M"),
    targetDedicatedNodes=optional(_NODES, 0),
    targetLowPriorityNodes=optional(_NODES, 0),
    enableAutoScale=FLAG,
    autoScaleFormula=string,
    autoScaleEvaluationInterval=scaling.INTERVAL,
    enableInterNodeCommunication=FLAG,
    startTask=unavailable,
    userAccounts=list_of(_user_account),
    metadata=METADATA,
    taskSlotsPerNode=optional(_SLOTS, 1),
    taskSchedulingPolicy=optional(TASK_SCHEDULING_POLICY, {}),
    networkConfiguration=opaque,
    virtualMachineConfiguration=opaque,
    applicationPackageReferences=unavailable,
    mountConfiguration=unavailable,
    upgradePolicy=opaque,
)
_PATCH = Record(
    displayName=string,
    vmSize=_vm_size,
    enableInterNodeCommunication=boolean,
    startTask=unavailable,
    applicationPackageReferences=unavailable,
    metadata=METADATA,
    virtualMachineConfiguration=opaque,
    taskSlotsPerNode=_SLOTS,
    taskSchedulingPolicy=TASK_SCHEDULING_POLICY,
    networkConfiguration=opaque,
    userAccounts=list_of(_user_account),
    mountConfiguration=unavailable,
    upgradePolicy=opaque,
)
_RESIZE = Record(
    targetDedicatedNodes=_NODES,
    targetLowPriorityNodes=_NODES,
    resizeTimeout=duration,
    nodeDeallocationOption=optional(
        choice("requeue", "terminate", "taskcompletion", "retaineddata"), "requeue"
    ),
)

_TARGETS: Final = ("targetDedicatedNodes", "targetLowPriorityNodes")

POOL_FIELDS: Final[Mapping[str, Field[Pool]]] = {
    "id": Field("text", lambda pool: pool.id),
    "state": Field("text", lambda pool: pool.state),
    "allocationState": Field("text", lambda pool: pool.allocation_state),
    "stateTransitionTime": Field("time", lambda pool: pool.state_since),
    "allocationStateTransitionTime": Field("time", lambda pool: pool.allocation_since),
    "creationTime": Field("time", lambda pool: pool.created_at),
    "lastModified": Field("time", lambda pool: pool.last_modified),
    "enableAutoScale": Field("boolean", lambda pool: pool.spec["enableAutoScale"]),
}
NODE_FIELDS: Final[Mapping[str, Field[Node]]] = {
    "id": Field("text", lambda node: node.id),
    "state": Field("text", lambda node: node.state),
    "stateTransitionTime": Field("time", lambda node: node.state_since),
    "lastBootTime": Field("time", lambda node: node.created_at),
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
    "unknown",
    "unusable",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
    "total",
)


def accept_pool(body: Any) -> dict[str, Any]:
    """Return the stored properties of a pool to be created."""
    spec = _CREATE(body)
    return scaling.completed(spec, body)


def accept_patch(body: Any) -> dict[str, Any]:
    """Return the properties a PATCH replaces."""
    return _PATCH.changes(body)


def accept_resize(body: Any) -> tuple[dict[str, int], str]:
    """Return the targets to change, and what becomes of tasks on nodes that go."""
    given = _RESIZE(body)
    targets = {name: shown for name, shown in given.items() if name in _TARGETS}
    if not targets:
        raise BatchError("MissingRequiredProperty", PropertyName="targetDedicatedNodes")
    return targets, given["nodeDeallocationOption"]


def pool_view(pool: Pool, nodes: Iterable[Node], base: str) -> dict[str, Any]:
    """Return a pool as it appears in answers."""
    spec = dict(pool.spec)
    dedicated = [node.dedicated for node in nodes]
    view: dict[str, Any] = {"id": spec.pop("id")}
    if "displayName" in spec:
        view["displayName"] = spec.pop("displayName")
    view |= {
        "url": f"{base}/pools/{pool.id}",
        "eTag": ticks.etag(pool.last_modified),
        "lastModified": ticks.to_iso(pool.last_modified),
        "creationTime": ticks.to_iso(pool.created_at),
        "state": pool.state,
        "stateTransitionTime": ticks.to_iso(pool.state_since),
        "allocationState": pool.allocation_state,
        "allocationStateTransitionTime": ticks.to_iso(pool.allocation_since),
        "vmSize": spec.pop("vmSize"),
        "resizeTimeout": spec.pop("resizeTimeout"),
        "currentDedicatedNodes": sum(dedicated),
        "targetDedicatedNodes": spec.pop("targetDedicatedNodes"),
        "currentLowPriorityNodes": len(dedicated) - sum(dedicated),
        "targetLowPriorityNodes": spec.pop("targetLowPriorityNodes"),
    }
    return scaling.with_run(view | spec, pool)


def node_view(node: Node, pool: Pool, base: str) -> dict[str, Any]:
    """Return a node as it appears in answers."""
    return {
        "id": node.id,
        "url": f"{base}/pools/{pool.id}/nodes/{node.id}",
        "state": node.state,
        "schedulingState": "enabled",
        "stateTransitionTime": ticks.to_iso(node.state_since),
        "lastBootTime": ticks.to_iso(node.created_at),
        "allocationTime": ticks.to_iso(node.created_at),
        "ipAddress": "127.0.0.1",
        "affinityId": f"TVM:{node.id}",
        "vmSize": pool.spec["vmSize"],
        "totalTasksRun": node.tasks_run,
        "totalTasksSucceeded": node.tasks_succeeded,
        "runningTasksCount": node.running_tasks,
        "runningTaskSlotsCount": node.used_slots,
        "isDedicated": node.dedicated,
    }


def counts_view(pool: Pool, nodes: Iterable[Node]) -> dict[str, Any]:
    """Return how many nodes of a pool are in each state."""
    counts = {kind: dict.fromkeys(_COUNTED, 0) for kind in ("dedicated", "lowPriority")}
    by_state = {name.lower(): name for name in _COUNTED}
    for node in nodes:
        counted = counts["dedicated" if node.dedicated else "lowPriority"]
        counted[by_state[node.state]] += 1
        counted["total"] += 1
    return {"poolId": pool.id} | counts
