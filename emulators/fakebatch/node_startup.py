"""How nodes start up: with their packages and their start task."""

from dataclasses import replace
from typing import Final

from fakebatch.engine_context import Machinery
from fakebatch.execution.executor_port import Order
from fakebatch.failure_info import FailureInfo
from fakebatch.model import node_entity as nodes
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.model.node_run import NodeRun
from fakebatch.node_task_retries import carry_out
from fakebatch.run_requests import start_order
from fakebatch.store import PoolRecord
from fakebatch.wire import service_clock

_NO_MOUNTS: Final = FailureInfo("MountConfigurationError", "A file system of the pool could not be mounted")


class Startups:
    """Brings nodes from their boot to where they are ready for tasks, or fail."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery

    def boot(self, record: PoolRecord, node: NodeEntity, *, is_new: bool = False) -> None:
        """Have a node start up; a new one has no files from before."""
        spec = record.pool.spec
        if spec.get("mountConfiguration"):
            # On this machine nothing can be mounted; a node of the service is unusable when that fails.
            record.nodes.put(node.id, nodes.made_unusable(node, _NO_MOUNTS, service_clock.now()))
            return
        booted = nodes.booted(node, spec.get("startTask"), service_clock.now(), is_new=is_new)
        has_work = is_new or booted.start_spec is not None or spec.get("applicationPackageReferences")
        if not has_work:
            record.nodes.put(node.id, nodes.moved(booted, "ready", booted.booted_at))
            return
        record.nodes.put(node.id, booted)
        order = start_order(self._machinery.applications, record, booted)
        self._machinery.work(order, self._start_up(record, order, is_new=is_new))

    async def _start_up(self, record: PoolRecord, order: Order, *, is_new: bool) -> None:
        if is_new:
            await self._machinery.executor.remove_node(order.pool_id, order.node_id)
        error = None
        if order.packages:
            error = await self._machinery.executor.install(order.pool_id, order.node_id, order.packages)
        if error is not None:
            node = record.nodes[order.node_id]
            record.nodes.put(node.id, nodes.made_unusable(node, error, service_clock.now()))
            return
        start_spec = record.nodes[order.node_id].start_spec
        if start_spec is None:
            self._bring_to(record, order.node_id, "ready")
            return
        waits = start_spec["waitForSuccess"]
        self._bring_to(record, order.node_id, "waitingforstarttask" if waits else "ready")

        def keep(run: NodeRun) -> None:
            record.nodes.put(order.node_id, replace(record.nodes[order.node_id], start_run=run))

        run = await carry_out(self._machinery.executor, order, keep)
        if waits:
            self._bring_to(record, order.node_id, "ready" if run.succeeded else "starttaskfailed")

    def _bring_to(self, record: PoolRecord, node_id: str, phase: Phase) -> None:
        node = record.nodes[node_id]
        # A node that was sent elsewhere meanwhile stays on its way.
        if node.phase in ("starting", "waitingforstarttask"):
            record.nodes.put(node_id, nodes.moved(node, phase, service_clock.now()))
        self._machinery.wake()
