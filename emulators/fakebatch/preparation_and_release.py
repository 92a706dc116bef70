"""The preparation of nodes for jobs, and their release at the end of the jobs."""

import asyncio
from dataclasses import replace
from typing import Final

from fakebatch.active_runs import Ending, Handle
from fakebatch.engine_context import Machinery
from fakebatch.execution.executor_port import Order
from fakebatch.model.node_run import NodeRun
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.node_task_retries import carry_out
from fakebatch.run_requests import preparation_key, preparation_order, release_order
from fakebatch.store import JobRecord

_COMING_UP: Final = ("starting", "waitingforstarttask", "rebooting", "reimaging")


class Preparations:
    """Runs the preparation and release tasks of jobs."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery

    def are_needed(self, record: JobRecord, node_ids: list[str]) -> bool:
        """Whether a task of the job has to wait for the preparation of a node."""
        preparation = record.job.spec.get("jobPreparationTask")
        if preparation is None or not preparation["waitForSuccess"]:
            return False
        return not all(self._visit(record, "", node_id).is_prepared for node_id in node_ids)

    async def ready(self, record: JobRecord, order: Order) -> bool:
        """Have the nodes of a task prepared for its job, and tell whether the task may run on them."""
        preparation = record.job.spec.get("jobPreparationTask")
        if preparation is None:
            return True
        handles = [self._begin(record, order.pool_id, node_id) for node_id in order.node_ids]
        if preparation["waitForSuccess"]:
            waited_for = [handle for handle in handles if handle is not None]
            if waited_for:
                await asyncio.wait(waited_for)
            visits = [record.visits[node_id] for node_id in order.node_ids]
            if not all(
                visit.is_prepared and visit.preparation is not None and visit.preparation.succeeded
                for visit in visits
            ):
                return False
        for node_id in order.node_ids:
            record.put_visit(replace(record.visits[node_id], has_run_tasks=True))
        return True

    def release(self, record: JobRecord) -> bool:
        """Go on with the release of all nodes of a job that ends, and tell whether it is over."""
        # All of them, so that the nodes are released at the same time.
        waiting = [self._has_work(record, visit) for visit in list(record.visits.values())]
        return not any(waiting)

    def _has_work(self, record: JobRecord, visit: PreparationAndReleaseStatus) -> bool:
        preparation = self._machinery.runs.end(preparation_key(record, visit.node_id), Ending.DISCARDED)
        return preparation is not None or (
            "jobReleaseTask" in record.job.spec and self._release(record, visit)
        )

    def forget(self, node_id: str, *, reimaged: bool) -> None:
        """Note that a node was rebooted, or that it lost its files too."""
        for record in self._machinery.store.jobs:
            visit = record.visits.get(node_id)
            if visit is None:
                continue
            run = visit.preparation
            again = reimaged or run is None or not run.is_over
            if run is not None and run.succeeded:
                again = again or record.job.spec["jobPreparationTask"]["rerunOnNodeRebootAfterSuccess"]
            keeps = visit.is_prepared and not again
            has_run = visit.has_run_tasks and not reimaged
            record.put_visit(replace(visit, is_prepared=keeps, has_run_tasks=has_run))

    def _visit(self, record: JobRecord, pool_id: str, node_id: str) -> PreparationAndReleaseStatus:
        return record.visits.get(node_id) or PreparationAndReleaseStatus(pool_id=pool_id, node_id=node_id)

    def _begin(self, record: JobRecord, pool_id: str, node_id: str) -> Handle | None:
        visit = self._visit(record, pool_id, node_id)
        if visit.is_prepared:
            return None
        record.put_visit(visit)
        running = self._machinery.runs.get(preparation_key(record, node_id))
        if running is not None:
            return running
        pool = self._machinery.store.pools[pool_id]
        order = preparation_order(self._machinery.applications, record, pool, pool.nodes[node_id])
        return self._machinery.work(order, self._prepare(record, order))

    async def _prepare(self, record: JobRecord, order: Order) -> None:
        def keep(run: NodeRun) -> None:
            before = record.visits[order.node_id]
            record.put_visit(replace(before, preparation=run, is_prepared=run.is_over))

        await carry_out(self._machinery.executor, order, keep)

    def _release(self, record: JobRecord, visit: PreparationAndReleaseStatus) -> bool:
        """Release a node if that is still to be done, and return whether it has to be waited for."""
        if not visit.has_run_tasks or visit.preparation is None or not visit.preparation.is_over:
            return False
        if visit.release is not None and visit.release.is_over:
            return False
        pool = self._machinery.store.pools.get(visit.pool_id)
        node = None if pool is None else pool.nodes.get(visit.node_id)
        if pool is None or node is None or node.phase not in ("ready", *_COMING_UP):
            return False
        order = release_order(self._machinery.applications, record, pool, node)
        if node.phase == "ready" and self._machinery.runs.get(order.key) is None:
            self._machinery.work(order, self._carry_out_release(record, order))
        return True

    async def _carry_out_release(self, record: JobRecord, order: Order) -> None:
        def keep(run: NodeRun) -> None:
            record.put_visit(replace(record.visits[order.node_id], release=run))

        await carry_out(self._machinery.executor, order, keep)
