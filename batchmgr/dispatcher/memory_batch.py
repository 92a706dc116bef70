"""Keeps Azure Batch jobs in memory: their tasks, the tasks' states, and which task may start next.

It does not run tasks. The caller asks for the next task, runs it, and reports its exit.
"""

import heapq
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from batchmgr.dispatcher.memory_job import NODE_ID, TASK_ENDED, MemoryJob, TaskExit
from batchmgr.errors import ServiceConflictError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import (
    BatchJob,
    NodeSnapshot,
    PoolSnapshot,
    TaskCounts,
    TaskSnapshot,
)
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.task_query import ALL_TASKS, TaskQuery
from batchmgr.plan.ids import job_key
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Added, Clock, ignored


class MemoryBatch:
    """The BatchService port in memory, without nodes. Every pool exists, and tasks have no files."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.jobs: dict[str, MemoryJob] = {}

    async def require_pool(self, pool_id: str) -> None:
        """Accept any pool."""

    async def get_pool(self, pool_id: str) -> PoolSnapshot:
        """Return a pool with one node that takes any task."""
        return PoolSnapshot(
            pool_id=pool_id, nodes=1, target_nodes=1, slots_per_node=256, has_inter_node_communication=True
        )

    async def list_nodes(self, pool_id: str) -> AsyncIterator[NodeSnapshot]:
        """Yield this machine."""
        yield NodeSnapshot(node_id=NODE_ID, state="idle")

    async def failed_preparations(self, job_id: str) -> dict[str, str]:
        """Return nothing, because no preparation tasks run here."""
        return {}

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        """Add the job. Raises ServiceConflictError `JobExists` if there is a job of this id."""
        if job_key(plan.job_id) in self.jobs:
            raise ServiceConflictError("exists", code="JobExists", status=409)
        job = self.jobs[job_key(plan.job_id)] = MemoryJob(plan=plan, digest=digest)
        if plan.job_manager_task is not None:
            job.add(plan.job_manager_task, self._clock.now())

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        """Add tasks. Tasks that exist already stay as they are."""
        job = self._job(plan.job_id)
        if job.state != "active":
            raise ServiceConflictError("over", code="JobCompleted", status=409)
        for count, task in enumerate(tasks, 1):
            if task.id not in job.tasks:
                job.add(task, self._clock.now())
            added(count)

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Remove a task from the job. Does nothing if there is no such task."""
        job = self._job(job_id)
        job.remove(task_id)
        job.end_if_done()

    async def terminate_when_done(self, job_id: str) -> None:
        """Complete the job as soon as all its tasks have completed."""
        job = self._job(job_id)
        job.ends_when_done = True
        job.end_if_done()

    async def get_job(self, job_id: str) -> BatchJob:
        """Return the job. Raises ServiceNotFoundError if there is none."""
        job = self._job(job_id)
        preparation = job.plan.job.job_preparation_task
        return BatchJob(
            state=job.state,
            digest=job.digest,
            terminate_reason=job.terminate_reason,
            pool_id=job.plan.job.pool_id,
            needs_preparation=preparation is not None and preparation.wait_for_success,
            state_transition_time=job.state_transition_time,
        )

    async def task_counts(self, job_id: str) -> TaskCounts:
        """Return the tasks' counts. Unlike Azure's, they are always up to date."""
        kinds = self._job(job_id).kinds
        return TaskCounts(
            active=kinds["active"],
            running=kinds["running"],
            completed=kinds["succeeded"] + kinds["failed"],
            succeeded=kinds["succeeded"],
            failed=kinds["failed"],
        )

    async def list_tasks(
        self,
        job_id: str,
        *,
        since: datetime | None = None,
        state: str = "",
        without: str = "",
        failed: bool = False,
    ) -> AsyncIterator[TaskSnapshot]:
        """Yield the job's tasks in order of id: those that changed at `since` or later and are in `state`.

        Those in the state `without` are left out. `failed`: only those that have failed.
        """
        found = [
            task
            for task in self._job(job_id).snapshots.values()
            if (since is None or task.state_transition_time >= since)
            and state in {"", task.state}
            and task.state != without
            and (task.has_failed or not failed)
        ]
        for task in sorted(found, key=lambda task: task.task_id):
            yield task

    async def task_page(
        self, job_id: str, *, query: TaskQuery = ALL_TASKS, limit: int = 1000, token: str = ""
    ) -> tuple[Sequence[TaskSnapshot], str]:
        """Return a page of the job's tasks in order of id, and the id of its last one if there are more."""
        found = [
            task
            for task in self._job(job_id).snapshots.values()
            if task.task_id > token and query.is_listed(task)
        ]
        page = heapq.nsmallest(limit, found, key=lambda task: task.task_id)
        return page, page[-1].task_id if len(page) < len(found) else ""

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """Return one task. Raises ServiceNotFoundError if there is none."""
        found = self._job(job_id).snapshots.get(task_id)
        if found is None:
            raise ServiceNotFoundError("no such task", code="TaskNotFound", status=404)
        return found

    async def time_limit(self, job_id: str, task_id: str) -> timedelta | None:
        """Return how long the task may run, or None. Raises ServiceNotFoundError if there is no such task."""
        await self.get_task(job_id, task_id)
        return self._job(job_id).tasks[task_id].max_wall_clock_time

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        """Return no bytes, because tasks have no files here."""
        return b""

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the job and its running tasks. Does nothing if the job has ended or does not exist."""
        job = self.jobs.get(job_key(job_id))
        if job is None or job.state == "completed":
            return
        for task in list(job.snapshots.values()):
            if task.state == "running":
                self.record_exit(job_id, task.task_id, TaskExit(error=TASK_ENDED))
        job.state, job.terminate_reason = "completed", reason

    async def delete_job(self, job_id: str) -> None:
        """Delete the job. Does nothing if it does not exist."""
        self.jobs.pop(job_key(job_id), None)

    def start_next_task(self, job_id: str) -> TaskPlan | None:
        """Mark the next task that may start as running and return it. Return None if no task may start."""
        job = self.jobs.get(job_key(job_id))
        if job is None or job.state != "active":
            return None
        ready = (task for task in job.waiting.values() if job.is_ready(task))
        task = next((task for task in ready if self.can_place(task)), None)
        if task is not None:
            now = self._clock.now()
            retried = now if job.snapshots[task.id].retry_count else None
            self._change(
                job, task.id, state="running", start_time=now, last_retry_time=retried, node_id=NODE_ID
            )
        return task

    def can_place(self, task: TaskPlan) -> bool:
        """Return whether a node is large enough for the task. This machine is."""
        return True

    def record_exit(self, job_id: str, task_id: str, task_exit: TaskExit) -> bool:
        """Record how a running task ended. Return True if it is active again, to be retried.

        Otherwise the task is completed, and its exit conditions may end or disable the job.
        """
        job = self._job(job_id)
        task, limit = job.snapshots[task_id], job.tasks[task_id].max_task_retry_count
        if task_exit.is_retryable and (limit < 0 or task.retry_count < limit):
            self._change(job, task_id, state="active", start_time=None, retry_count=task.retry_count + 1)
            return True
        self._change(
            job,
            task_id,
            state="completed",
            end_time=self._clock.now(),
            result="failure" if task_exit.error else "success",
            exit_code=task_exit.exit_code,
            error=task_exit.error,
        )
        self._apply_job_action(job, task_id, task_exit)
        job.end_if_done()
        return False

    def _apply_job_action(self, job: MemoryJob, task_id: str, task_exit: TaskExit) -> None:
        """Terminate or disable the job if the task's exit conditions say so."""
        conditions = job.tasks[task_id].exit_conditions
        if task_exit.error is None or conditions is None or job.state != "active":
            return
        action = conditions.options_for(task_exit.exit_code).job_action
        if action == "terminate":
            job.state, job.terminate_reason = "completed", "TaskFailed"
        elif action == "disable":
            job.state = "disabled"

    def _change(self, job: MemoryJob, task_id: str, **changes: object) -> None:
        now = self._clock.now()
        job.set(msgspec.structs.replace(job.snapshots[task_id], state_transition_time=now, **changes))

    def _job(self, job_id: str) -> MemoryJob:
        job = self.jobs.get(job_key(job_id))
        if job is None:
            raise ServiceNotFoundError("no such job", code="JobNotFound", status=404)
        return job
