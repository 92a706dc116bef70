"""The JSON of pools: request bodies and views."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakebatch.bodies import autoscale_bodies
from fakebatch.bodies import virtual_machine_properties as machine
from fakebatch.bodies.property_schema import (
    ObjectSchema,
    at_least,
    boolean,
    choice,
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
    FLAG,
    METADATA,
    START_TASK,
    TASK_SCHEDULING_POLICY,
)
from fakebatch.errors import BatchError, invalid_property
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field

_NODES = integer(0)
_SLOTS = integer(1, 256)
_RESIZE_TIMEOUT = optional(at_least("PT5M"), "PT15M")
_MOST_REMOVED: Final = 100
_DEALLOCATION = optional(choice("requeue", "terminate", "taskcompletion", "retaineddata"), "requeue")


def _vm_size(value: Any, name: str) -> str:
    return string(value, name).lower()


def _no_certificates(value: Any, name: str) -> list[Any]:
    # Accounts can no longer have certificates, so every reference is wrong.
    if list_of(opaque)(value, name):
        raise BatchError("CertificateNotFound")
    return []


_COMMUNICATION = legacy(choice("default", "classic", "simplified"))
_CREATE = ObjectSchema(
    id=required(identifier),
    displayName=string,
    vmSize=required(_vm_size),
    resizeTimeout=_RESIZE_TIMEOUT,
    targetDedicatedNodes=optional(_NODES, 0),
    targetLowPriorityNodes=optional(_NODES, 0),
    enableAutoScale=FLAG,
    autoScaleFormula=string,
    autoScaleEvaluationInterval=autoscale_bodies.INTERVAL,
    enableInterNodeCommunication=FLAG,
    startTask=START_TASK,
    userAccounts=list_of(machine.USER_ACCOUNT),
    metadata=METADATA,
    taskSlotsPerNode=optional(_SLOTS, 1),
    taskSchedulingPolicy=optional(TASK_SCHEDULING_POLICY, {}),
    virtualMachineConfiguration=machine.MACHINE,
    cloudServiceConfiguration=legacy(machine.CLOUD_SERVICE),
    networkConfiguration=machine.NETWORK,
    applicationPackageReferences=APPLICATION_PACKAGES,
    applicationLicenses=legacy(list_of(string)),
    certificateReferences=legacy(_no_certificates),
    mountConfiguration=list_of(machine.MOUNT),
    targetNodeCommunicationMode=_COMMUNICATION,
    resourceTags=legacy(opaque),
    upgradePolicy=machine.UPGRADES,
)
_SPECIFICATION = ObjectSchema(
    **{
        name: _CREATE.properties[name]
        for name in dict.fromkeys(
            (
                "displayName",
                "vmSize",
                "taskSlotsPerNode",
                "taskSchedulingPolicy",
                "resizeTimeout",
                "targetDedicatedNodes",
                "targetLowPriorityNodes",
                *_CREATE.properties,
            )
        )
        if name != "id"
    }
)


def specification(value: Any, name: str) -> dict[str, Any]:
    """Accept the `pool` of an `autoPoolSpecification`: a pool without an id.

    The properties are in the order in which recordings of Azure Batch show them.
    """
    return autoscale_bodies.completed(_SPECIFICATION(value, name), value)


_PATCH = ObjectSchema(
    displayName=string,
    vmSize=_vm_size,
    enableInterNodeCommunication=boolean,
    startTask=START_TASK,
    applicationPackageReferences=APPLICATION_PACKAGES,
    metadata=METADATA,
    virtualMachineConfiguration=machine.MACHINE,
    taskSlotsPerNode=_SLOTS,
    taskSchedulingPolicy=TASK_SCHEDULING_POLICY,
    networkConfiguration=machine.NETWORK,
    userAccounts=list_of(machine.USER_ACCOUNT),
    mountConfiguration=list_of(machine.MOUNT),
    upgradePolicy=machine.UPGRADES,
    certificateReferences=legacy(_no_certificates),
    targetNodeCommunicationMode=_COMMUNICATION,
)
_RESIZE = ObjectSchema(
    targetDedicatedNodes=_NODES,
    targetLowPriorityNodes=_NODES,
    resizeTimeout=_RESIZE_TIMEOUT,
    nodeDeallocationOption=_DEALLOCATION,
)
_REMOVE = ObjectSchema(
    nodeList=required(list_of(string)),
    resizeTimeout=_RESIZE_TIMEOUT,
    nodeDeallocationOption=_DEALLOCATION,
)
_REPLACE = ObjectSchema(
    startTask=START_TASK,
    applicationPackageReferences=required(APPLICATION_PACKAGES),
    metadata=required(METADATA),
    certificateReferences=legacy(_no_certificates),
    targetNodeCommunicationMode=_COMMUNICATION,
)

_TARGETS: Final = ("targetDedicatedNodes", "targetLowPriorityNodes")
_RESIZED: Final = (*_TARGETS, "resizeTimeout")

POOL_FIELDS: Final[Mapping[str, Field[PoolEntity]]] = {
    "id": Field("text", lambda pool: pool.id),
    "state": Field("text", lambda pool: pool.state),
    "allocationState": Field("text", lambda pool: pool.allocation_state),
    "stateTransitionTime": Field("time", lambda pool: pool.state_since),
    "allocationStateTransitionTime": Field("time", lambda pool: pool.allocation_since),
    "creationTime": Field("time", lambda pool: pool.created_at),
    "lastModified": Field("time", lambda pool: pool.last_modified),
    "enableAutoScale": Field("boolean", lambda pool: pool.spec["enableAutoScale"]),
}


def accept_pool(body: Any) -> dict[str, Any]:
    """Return the stored properties of a pool to be created."""
    spec = _CREATE(body)
    return autoscale_bodies.completed(spec, body)


def auto_pool(pool_id: str, specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored properties of an auto pool, from an accepted specification."""
    given = {"id": pool_id, **specification}
    return {name: given[name] for name in _CREATE.properties if name in given}


def accept_patch(body: Any) -> dict[str, Any]:
    """Return the properties that a PATCH replaces."""
    return _PATCH.changes(body)


def accept_replacement(body: Any) -> dict[str, Any]:
    """Return the properties that `updateproperties` replaces. Those not given are None, which clears them."""
    given = _REPLACE(body)
    return {name: given.get(name) for name in ("startTask", "applicationPackageReferences", "metadata")}


def accept_removal(body: Any) -> tuple[list[str], str, str]:
    """Return the ids of the nodes to remove, what happens to their tasks, and the resize timeout."""
    given = _REMOVE(body)
    if not 1 <= len(given["nodeList"]) <= _MOST_REMOVED:
        raise invalid_property("nodeList", len(given["nodeList"]), "There must be 1 to 100 nodes.")
    return given["nodeList"], given["nodeDeallocationOption"], given["resizeTimeout"]


def accept_resize(body: Any) -> tuple[dict[str, Any], str]:
    """Return the properties to change, and what happens to tasks on nodes that are removed."""
    given = _RESIZE(body)
    if not any(name in given for name in _TARGETS):
        raise BatchError("MissingRequiredProperty", PropertyName="targetDedicatedNodes")
    return {name: given[name] for name in _RESIZED if name in given}, given["nodeDeallocationOption"]


def pool_view(pool: PoolEntity, nodes: Iterable[NodeEntity], base: str) -> dict[str, Any]:
    """Return the JSON of a pool."""
    # The order is that of _CREATE, also for properties that were set later.
    stored = {name: pool.spec[name] for name in _CREATE.properties if name in pool.spec}
    spec = {name: shown for name, shown in stored.items() if shown is not None}
    dedicated = [node.dedicated for node in nodes]
    view: dict[str, Any] = {"id": spec.pop("id")}
    if "displayName" in spec:
        view["displayName"] = spec.pop("displayName")
    for name in ("applicationPackageReferences", "metadata"):
        if not spec.get(name):
            spec.pop(name, None)
    view |= {
        "url": f"{base}/pools/{pool.id}",
        "eTag": timestamps.etag(pool.last_modified),
        "lastModified": timestamps.to_iso(pool.last_modified),
        "creationTime": timestamps.to_iso(pool.created_at),
        "state": pool.state,
        "stateTransitionTime": timestamps.to_iso(pool.state_since),
        "allocationState": pool.allocation_state,
        "allocationStateTransitionTime": timestamps.to_iso(pool.allocation_since),
        "vmSize": spec.pop("vmSize"),
        "resizeTimeout": spec.pop("resizeTimeout"),
        "currentDedicatedNodes": sum(dedicated),
        "targetDedicatedNodes": spec.pop("targetDedicatedNodes"),
        "currentLowPriorityNodes": len(dedicated) - sum(dedicated),
        "targetLowPriorityNodes": spec.pop("targetLowPriorityNodes"),
    }
    if pool.resize_errors:
        view["resizeErrors"] = [{"code": code, "message": message} for code, message in pool.resize_errors]
    return autoscale_bodies.with_run(view | spec, pool)
