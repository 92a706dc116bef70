"""The startup of nodes: they install their application packages and run their start task."""

from dataclasses import replace
from typing import Final

from fakebatch.engine_context import EngineContext
from fakebatch.execution.executor_port import RunRequest
from fakebatch.failure_info import FailureInfo
from fakebatch.model import node_entity as nodes
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.model.node_run import NodeRun
from fakebatch.node_task_retries import run_with_retries
from fakebatch.run_requests import start_task_request
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock

_NO_MOUNTS: Final = FailureInfo("MountConfigurationError", "A file system of the pool could not be mounted")


class NodeStartup:
    """Starts nodes up, until they are ready for tasks or unusable."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    def boot(self, record: StoredPool, node: NodeEntity, *, is_new: bool = False) -> None:
        """Start a node up. If it is new, its files are removed first."""
        spec = record.pool.spec
        if spec.get("mountConfiguration"):
            # Nothing can be mounted here. In Azure, a node is unusable if its mounts fail.
            record.nodes.put(node.id, nodes.made_unusable(node, _NO_MOUNTS, service_clock.now()))
            return
        booted = nodes.booted(node, spec.get("startTask"), service_clock.now(), is_new=is_new)
        boot_s = self._context.delays.boot_s()
        has_work = (
            is_new or boot_s or booted.start_spec is not None or spec.get("applicationPackageReferences")
        )
        if not has_work:
            record.nodes.put(node.id, nodes.moved(booted, "ready", booted.booted_at))
            return
        record.nodes.put(node.id, booted)
        request = start_task_request(self._context.applications, record, booted)
        self._context.start_run(request, self._start_up(record, request, boot_s, is_new=is_new))

    async def _start_up(
        self, record: StoredPool, request: RunRequest, boot_s: float, *, is_new: bool
    ) -> None:
        if boot_s:
            await service_clock.sleep(boot_s)
        if is_new:
            await self._context.executor.remove_node(request.pool_id, request.node_id)
        error = None
        if request.packages:
            error = await self._context.executor.install(request.pool_id, request.node_id, request.packages)
        if error is not None:
            node = record.nodes[request.node_id]
            record.nodes.put(node.id, nodes.made_unusable(node, error, service_clock.now()))
            return
        start_spec = record.nodes[request.node_id].start_spec
        if start_spec is None:
            self._bring_to(record, request.node_id, "ready")
            return
        waits = start_spec["waitForSuccess"]
        self._bring_to(record, request.node_id, "waitingforstarttask" if waits else "ready")

        def save(run: NodeRun) -> None:
            record.nodes.put(request.node_id, replace(record.nodes[request.node_id], start_run=run))

        run = await run_with_retries(self._context.executor, request, save)
        if waits:
            self._bring_to(record, request.node_id, "ready" if run.succeeded else "starttaskfailed")

    def _bring_to(self, record: StoredPool, node_id: str, phase: Phase) -> None:
        node = record.nodes[node_id]
        # The node may be rebooting or leaving by now. Then it stays in that phase.
        if node.phase in ("starting", "waitingforstarttask"):
            record.nodes.put(node_id, nodes.moved(node, phase, service_clock.now()))
        self._context.wake()
