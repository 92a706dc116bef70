"""Job preparation and job release tasks: they run on each node before a job's first task, and after it."""

import asyncio
from dataclasses import replace
from typing import Final

from fakebatch.active_runs import Disposition, Handle
from fakebatch.engine_context import EngineContext
from fakebatch.execution.executor_port import RunRequest
from fakebatch.model.node_run import NodeRun
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.node_task_retries import run_with_retries
from fakebatch.run_requests import preparation_key, preparation_request, release_request
from fakebatch.stored_job import StoredJob

_COMING_UP: Final = ("starting", "waitingforstarttask", "rebooting", "reimaging")


class PreparationAndRelease:
    """Runs the preparation and release tasks of jobs on their nodes."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    def must_wait(self, record: StoredJob, node_ids: list[str]) -> bool:
        """Return whether a task must wait until one of these nodes is prepared for its job."""
        preparation = record.job.spec.get("jobPreparationTask")
        if preparation is None or not preparation["waitForSuccess"]:
            return False
        return not all(self._status(record, "", node_id).is_prepared for node_id in node_ids)

    async def prepare_nodes(self, record: StoredJob, request: RunRequest) -> bool:
        """Prepare the nodes of a task for its job. Returns whether the task may run on them."""
        preparation = record.job.spec.get("jobPreparationTask")
        if preparation is None:
            return True
        handles = [self._start_preparation(record, request.pool_id, node_id) for node_id in request.node_ids]
        if preparation["waitForSuccess"]:
            waited_for = [handle for handle in handles if handle is not None]
            if waited_for:
                await asyncio.wait(waited_for)
            node_statuses = [record.node_statuses[node_id] for node_id in request.node_ids]
            if not all(
                status.is_prepared and status.preparation is not None and status.preparation.succeeded
                for status in node_statuses
            ):
                return False
        for node_id in request.node_ids:
            record.put_node_status(replace(record.node_statuses[node_id], has_run_tasks=True))
        return True

    def release_nodes(self, record: StoredJob) -> bool:
        """Release the nodes of a job that ends. Returns whether all have been released."""
        # Not a generator: all nodes are released at the same time.
        waiting = [self._is_unreleased(record, status) for status in list(record.node_statuses.values())]
        return not any(waiting)

    def _is_unreleased(self, record: StoredJob, status: PreparationAndReleaseStatus) -> bool:
        preparation = self._context.runs.end(preparation_key(record, status.node_id), Disposition.DISCARDED)
        return preparation is not None or (
            "jobReleaseTask" in record.job.spec and self._start_release(record, status)
        )

    def node_restarted(self, node_id: str, *, reimaged: bool) -> None:
        """Update all jobs after a node was rebooted, or `reimaged`, which removes its files too."""
        for record in self._context.store.jobs:
            status = record.node_statuses.get(node_id)
            if status is None:
                continue
            run = status.preparation
            again = reimaged or run is None or not run.is_over
            if run is not None and run.succeeded:
                again = again or record.job.spec["jobPreparationTask"]["rerunOnNodeRebootAfterSuccess"]
            keeps = status.is_prepared and not again
            has_run = status.has_run_tasks and not reimaged
            record.put_node_status(replace(status, is_prepared=keeps, has_run_tasks=has_run))

    def _status(self, record: StoredJob, pool_id: str, node_id: str) -> PreparationAndReleaseStatus:
        return record.node_statuses.get(node_id) or PreparationAndReleaseStatus(
            pool_id=pool_id, node_id=node_id
        )

    def _start_preparation(self, record: StoredJob, pool_id: str, node_id: str) -> Handle | None:
        status = self._status(record, pool_id, node_id)
        if status.is_prepared:
            return None
        record.put_node_status(status)
        running = self._context.runs.get(preparation_key(record, node_id))
        if running is not None:
            return running
        pool = self._context.store.pools[pool_id]
        request = preparation_request(self._context.applications, record, pool, pool.nodes[node_id])
        return self._context.start_run(request, self._prepare(record, request))

    async def _prepare(self, record: StoredJob, request: RunRequest) -> None:
        def save(run: NodeRun) -> None:
            before = record.node_statuses[request.node_id]
            record.put_node_status(replace(before, preparation=run, is_prepared=run.is_over))

        await run_with_retries(self._context.executor, request, save)

    def _start_release(self, record: StoredJob, status: PreparationAndReleaseStatus) -> bool:
        """Run the release task on a node if it has not run yet. Returns whether the job must wait for it."""
        if not status.has_run_tasks or status.preparation is None or not status.preparation.is_over:
            return False
        if status.release is not None and status.release.is_over:
            return False
        pool = self._context.store.pools.get(status.pool_id)
        node = None if pool is None else pool.nodes.get(status.node_id)
        if pool is None or node is None:
            return False
        request = release_request(self._context.applications, record, pool, node)
        if self._context.runs.get(request.key) is not None:  # also on a node that leaves when it is idle
            return True
        if node.phase == "ready":
            self._context.start_run(request, self._run_release_task(record, request))
        return node.phase in ("ready", *_COMING_UP)

    async def _run_release_task(self, record: StoredJob, request: RunRequest) -> None:
        def save(run: NodeRun) -> None:
            record.put_node_status(replace(record.node_statuses[request.node_id], release=run))

        await run_with_retries(self._context.executor, request, save)
