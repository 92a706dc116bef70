"""The engine: it advances jobs, pools and tasks, and carries out what users ask for."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from fakebatch import task_scheduler
from fakebatch.active_runs import ActiveRuns, Disposition
from fakebatch.auto_pools import AutoPools
from fakebatch.bodies.job_task_bodies import with_tasks
from fakebatch.engine_context import EngineContext
from fakebatch.execution.executor_port import Executor
from fakebatch.file_retention import FileRetention
from fakebatch.model import job_entity as jobs
from fakebatch.model import pool_entity as pools
from fakebatch.model import task_entity as tasks
from fakebatch.model.application_packages import Applications
from fakebatch.model.exit_conditions import consequence
from fakebatch.model.run_result import RunResult, ended
from fakebatch.model.task_spec import TaskSpec
from fakebatch.pool_nodes import PoolNodes
from fakebatch.preparation_and_release import PreparationAndRelease
from fakebatch.service_delays import ServiceDelays
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool
from fakebatch.task_runner import TaskRunner
from fakebatch.wire import durations, service_clock, timestamps

_EMPTY_JOB_GRACE_S: Final = 0.5
"""Seconds that a job with onAllTasksComplete and without tasks waits for its first task."""

LONGEST_BURST_S: Final = 0.001


class Engine:
    """The running service. Its methods run on one event loop, so none sees an unfinished change.

    After `longest_burst_s` seconds of passes in a row, requests get their turn.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        applications: Applications | None = None,
        *,
        delays: ServiceDelays | None = None,
        longest_burst_s: float = LONGEST_BURST_S,
    ) -> None:
        self.store = store
        self.applications = applications or Applications()
        self.executor = executor
        self._runs = ActiveRuns()
        self._longest_burst_s = longest_burst_s
        context = EngineContext(
            store=store,
            runs=self._runs,
            executor=executor,
            applications=self.applications,
            delays=delays or ServiceDelays(),
            wake=self.wake,
        )
        self._preparations = PreparationAndRelease(context)
        self.pool_nodes = PoolNodes(context, self._preparations)
        self._task_runner = TaskRunner(context, self._preparations, self._complete)
        self._auto_pools = AutoPools(store)
        self._retention = FileRetention(self._remove_old_files)
        self._pass_is_due = self._is_scheduled = self._is_stopped = False
        self._timers: dict[str, service_clock.Timer] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._pass_listeners: list[Callable[[], None]] = []

    async def stop(self) -> None:
        """Kill all tasks, and stop the engine."""
        for timer in self._timers.values():
            timer.cancel()
        self._retention.stop()
        self.pool_nodes.stop()
        self._is_stopped, self._pass_is_due = True, False
        await self._runs.stop()
        await asyncio.gather(*self._removals)
        await self.executor.close()

    def resume(self) -> None:
        """Continue from the state that the store has at the start."""
        self.pool_nodes.resume()
        for record in self.store.jobs:
            self.job_changed(record)
            for task in record.tasks:
                self._keep_files(record, task)
        self.wake()

    def wake(self) -> None:
        """Run a pass after the current step of the event loop."""
        if self._is_stopped:
            return
        self._pass_is_due = True
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run_passes)

    def add_pass_listener(self, listener: Callable[[], None]) -> None:
        """Call a function after each pass, when all changes have taken effect."""
        self._pass_listeners.append(listener)

    @property
    def is_idle(self) -> bool:
        """Whether all active runs only wait for their timer."""
        return not self._runs.at_work

    def _run_passes(self) -> None:
        """Run passes until nothing more is to be done, or until requests must get their turn."""
        until = time.perf_counter() + self._longest_burst_s
        try:
            while self._pass_is_due and time.perf_counter() < until:
                self._pass_is_due = False
                self._pass()
        finally:
            self._is_scheduled = False
            if self._pass_is_due:
                self.wake()

    def _pass(self) -> None:
        for record in self.store.jobs:
            self._advance_job(record)
        self._auto_pools.remove_expired()
        for pool in self.store.pools:
            self.pool_nodes.advance(pool)
        for record, task, pool, nodes in task_scheduler.placements(self.store):
            self._task_runner.start(record, task, pool, nodes)
        for listener in self._pass_listeners:
            listener()

    # Tasks

    def _complete(self, record: StoredJob, task: tasks.TaskEntity, outcome: RunResult) -> None:
        now = service_clock.now()
        record.put(tasks.completed(task, outcome, now))
        effect = consequence(task.spec.get("exitConditions", {}), outcome)
        if effect.satisfies:
            record.satisfy(task)
        acts = record.job.spec["onTaskFailure"] == "performexitoptionsjobaction" and not record.job.is_over
        if acts and effect.job_action == "terminate":
            self.end_job(record, "TaskFailed")
        elif acts and effect.job_action == "disable" and record.job.state == "active":
            self.disable_job(record, "requeue")
        if task.spec.get("killJobOnCompletion") and not record.job.is_over:
            self.end_job(record, "JMComplete")
        self._end_if_all_complete(record)
        self._keep_files(record, record.tasks[task.id])

    def _keep_files(self, record: StoredJob, task: tasks.TaskEntity) -> None:
        """Remove the files of a completed task when its retention time is over."""
        retention = durations.seconds(task.spec["constraints"]["retentionTime"])
        if task.ended_at is not None and retention is not None:
            self._retention.keep(record.job.id, task.id, task.ended_at, retention)

    def add_task(self, record: StoredJob, spec: Mapping[str, Any]) -> tasks.TaskEntity:
        """Add a task to a job, which has none with this id. A job manager comes before all other tasks."""
        now = service_clock.now()
        task = tasks.TaskEntity(
            id=spec["id"],
            number=0 if "killJobOnCompletion" in spec else record.next_number(),
            spec=TaskSpec(spec),
            created_at=now,
            last_modified=now,
            state_since=now,
        )
        record.add(task)
        self.wake()
        return task

    async def end_task(self, record: StoredJob, task: tasks.TaskEntity) -> tasks.TaskEntity:
        """Terminate a task, and return it when none of its processes runs any more."""
        record.put(tasks.modified(task, service_clock.now()))
        run = self._task_runner.end(record, task.id, Disposition.TERMINATED)
        if run is not None:
            await asyncio.wait([run])
        else:
            self._complete(record, record.tasks[task.id], ended())
            self.wake()
        return record.tasks[task.id]

    async def delete_task(self, record: StoredJob, task: tasks.TaskEntity) -> None:
        """Kill a task, and remove it with its files."""
        run = self._task_runner.end(record, task.id, Disposition.DISCARDED)
        if run is not None:
            await asyncio.wait([run])
        if task.id in record.tasks:
            record.remove(record.tasks[task.id])
        await self.executor.remove_files(record.job.id, task.id)
        self._end_if_all_complete(record)
        self.wake()

    # Jobs

    def add_job(self, spec: Mapping[str, Any]) -> StoredJob:
        """Add a job. No other job has its id."""
        now = service_clock.now()
        spec = with_tasks(dict(spec))
        job = jobs.JobEntity(
            id=spec["id"],
            number=self.store.next_job_number(),
            spec=spec,
            created_at=now,
            last_modified=now,
            state_since=now,
            started_at=now,
        )
        if "autoPoolSpecification" in spec["poolInfo"]:
            made = self._auto_pools.pool_for(job.id, spec["poolInfo"]["autoPoolSpecification"])
            job = replace(job, auto_pool_id=made)
        record = StoredJob(job)
        self.store.jobs.put(job.id, record)
        if "jobManagerTask" in spec:
            self.add_task(record, spec["jobManagerTask"])
        self.job_changed(record)
        return record

    def job_changed(self, record: StoredJob) -> None:
        """Apply the properties of a job that is new or was changed."""
        self._start_time_limit(record)
        self._end_if_all_complete(record)
        if not len(record.tasks):
            service_clock.call_later(_EMPTY_JOB_GRACE_S, lambda: self._end_if_all_complete(record, True))
        self.wake()

    def end_job(self, record: StoredJob, reason: str, *, by_user: bool = False) -> None:
        """Terminate a job and the runs of its tasks. Tasks that did not run stay active."""
        record.job = jobs.terminated(record.job, reason, service_clock.now(), by_user=by_user)
        self._end_runs(record, Disposition.TERMINATED)

    def disable_job(self, record: StoredJob, running: str) -> None:
        """Disable a job. `running` says what happens to its running tasks: requeue, terminate or wait."""
        record.job = jobs.disabled(record.job, service_clock.now())
        if running != "wait":
            self._end_runs(record, Disposition.REQUEUED if running == "requeue" else Disposition.TERMINATED)
        self.wake()

    def delete_job(self, record: StoredJob) -> None:
        """Delete a job, its tasks and their files."""
        record.job = jobs.deleted(record.job, service_clock.now())
        self._end_runs(record, Disposition.TERMINATED)

    def _end_runs(self, record: StoredJob, disposition: Disposition) -> None:
        self._task_runner.end_all(record, disposition)
        self.wake()

    def _end_if_all_complete(self, record: StoredJob, even_if_empty: bool = False) -> None:
        wanted = record.job.spec["onAllTasksComplete"] == "terminatejob" and record.job.state == "active"
        if wanted and not record.has_unfinished_tasks and (len(record.tasks) or even_if_empty):
            self.end_job(record, "AllTasksComplete")

    def _start_time_limit(self, record: StoredJob) -> None:
        self._cancel_time_limit(record)
        limit = durations.seconds(record.job.spec["constraints"]["maxWallClockTime"])
        if limit is not None and not record.job.is_over:
            left = limit - (service_clock.now() - record.job.started_at) / timestamps.PER_SECOND
            self._timers[record.job.id] = service_clock.call_later(left, lambda: self._end_expired(record))

    def _cancel_time_limit(self, record: StoredJob) -> None:
        timer = self._timers.pop(record.job.id, None)
        if timer is not None:
            timer.cancel()

    def _end_expired(self, record: StoredJob) -> None:
        if not record.job.is_over:
            self.end_job(record, "MaxWallClockTimeExpiry")

    def _advance_job(self, record: StoredJob) -> None:
        if record.running:
            return
        if record.job.state in ("terminating", "deleting") and not self._preparations.release_nodes(record):
            return
        was_enabling = record.job.state == "enabling"
        record.job = jobs.transition_finished(record.job, service_clock.now())
        if was_enabling:
            self._end_if_all_complete(record)
        if record.job.state == "deleting" and not record.being_removed:
            record.being_removed = True
            self._in_background(self._remove_job(record))

    async def _remove_job(self, record: StoredJob) -> None:
        self._cancel_time_limit(record)
        await self.executor.remove_files(record.job.id)
        self.store.jobs.remove(record.job.id)
        self.wake()

    def _remove_old_files(self, job_id: str, task_id: str, ended_at: int) -> None:
        """Remove the files of a task, unless it has run again in the meantime."""
        record = self.store.jobs.get(job_id)
        task = None if record is None else record.tasks.get(task_id)
        if task is not None and task.ended_at == ended_at:
            self._in_background(self.executor.remove_files(job_id, task_id))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        removal = asyncio.create_task(work)
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    # Pools

    def add_pool(self, spec: Mapping[str, Any]) -> pools.PoolEntity:
        """Add a pool. No other pool has its id. The next pass adds its nodes."""
        pool = pools.created(spec["id"], spec, service_clock.now())
        self.store.pools.put(pool.id, StoredPool(pool))
        self.wake()
        return pool
