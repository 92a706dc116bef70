"""The responses of Azure Batch about pools, nodes and their preparation: only what batchmgr reads."""

import msgspec

from batchmgr.adapters.batch_responses import ErrorInfo, FailureInfo
from batchmgr.model.batch_snapshots import NodeSnapshot, PoolSnapshot
from batchmgr.wire.json_codec import prepare

POOL_FIELDS = (
    "id,state,allocationState,currentDedicatedNodes,currentLowPriorityNodes,targetDedicatedNodes,"
    "targetLowPriorityNodes,taskSlotsPerNode,enableAutoScale,enableInterNodeCommunication,resizeErrors,"
    "autoScaleRun,vmSize,virtualMachineConfiguration"
)
NODE_FIELDS = "id,state,errors,startTaskInfo,isDedicated"


class AutoScaleRun(msgspec.Struct, frozen=True):
    """The last evaluation of a pool's autoscale formula."""

    error: ErrorInfo | None = None


class VirtualMachineConfiguration(msgspec.Struct, frozen=True):
    """The `virtualMachineConfiguration` of a pool. The node agent tells the operating system of its nodes."""

    node_agent_sku_id: str = msgspec.field(name="nodeAgentSKUId", default="")


class PoolResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A pool, with the properties that batchmgr selects."""

    id: str
    state: str = "active"
    allocation_state: str = "steady"
    current_dedicated_nodes: int = 0
    current_low_priority_nodes: int = 0
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    task_slots_per_node: int = 1
    enable_auto_scale: bool = False
    enable_inter_node_communication: bool = False
    resize_errors: tuple[ErrorInfo, ...] = ()
    auto_scale_run: AutoScaleRun = AutoScaleRun()
    vm_size: str = ""
    virtual_machine_configuration: VirtualMachineConfiguration = VirtualMachineConfiguration()

    def to_model(self) -> PoolSnapshot:
        """Return the pool as the use cases see it."""
        error = self.auto_scale_run.error
        return PoolSnapshot(
            pool_id=self.id,
            state=self.state,
            allocation_state=self.allocation_state,
            nodes=self.current_dedicated_nodes + self.current_low_priority_nodes,
            target_nodes=self.target_dedicated_nodes + self.target_low_priority_nodes,
            spot_nodes=self.current_low_priority_nodes,
            has_dedicated=bool(self.current_dedicated_nodes or self.target_dedicated_nodes),
            has_spot=bool(self.current_low_priority_nodes or self.target_low_priority_nodes),
            vm_size=self.vm_size.lower(),
            os="windows" if "windows" in self._node_agent else "linux",
            slots_per_node=self.task_slots_per_node,
            has_inter_node_communication=self.enable_inter_node_communication,
            has_formula=self.enable_auto_scale,
            formula_error=error.text if error is not None else "",
            resize_error="; ".join(error.text for error in self.resize_errors),
        )

    @property
    def _node_agent(self) -> str:
        return self.virtual_machine_configuration.node_agent_sku_id.lower()


class NodeRun(msgspec.Struct, frozen=True, rename="camel"):
    """The run of a start task, or of a job preparation task, on a node."""

    state: str = ""
    exit_code: int | None = None
    result: str = ""
    failure_info: FailureInfo | None = None

    @property
    def has_failed(self) -> bool:
        """Return whether the task has ended, and not successfully. It is not tried again."""
        return self.state == "completed" and self.result.lower() == "failure"

    @property
    def why(self) -> str:
        """Return why it failed."""
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        failure = self.failure_info.to_model() if self.failure_info is not None else None
        return f"{failure.type}: {failure.message}" if failure is not None else "no reason given"


class NodeResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A node, with the properties that batchmgr selects."""

    id: str
    state: str
    errors: tuple[ErrorInfo, ...] = ()
    start_task_info: NodeRun = NodeRun()
    is_dedicated: bool = True

    def to_model(self) -> NodeSnapshot:
        """Return the node as the use cases see it."""
        start = f"the start task failed: {self.start_task_info.why}"
        errors = [start if self.start_task_info.has_failed else "", *(error.text for error in self.errors)]
        return NodeSnapshot(
            node_id=self.id,
            state=self.state,
            error="; ".join(filter(None, errors)),
            is_spot=not self.is_dedicated,
        )


class NodeListResponse(msgspec.Struct, frozen=True):
    """A page of nodes."""

    value: tuple[NodeResponse, ...] = ()
    next_link: str = msgspec.field(name="odata.nextLink", default="")


class PreparationStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far one node is prepared for a job."""

    node_id: str
    job_preparation_task_execution_info: NodeRun = NodeRun()


class PreparationStatusResponse(msgspec.Struct, frozen=True):
    """A page of the preparation status of a job's nodes."""

    value: tuple[PreparationStatus, ...] = ()
    next_link: str = msgspec.field(name="odata.nextLink", default="")


prepare(PoolResponse, NodeListResponse, PreparationStatusResponse)
