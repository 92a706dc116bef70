"""What moves the service: it starts tasks, follows their ends, and carries out what users ask for."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from fakebatch import task_scheduler
from fakebatch.active_runs import Ending, Runs
from fakebatch.auto_pools import AutoPools
from fakebatch.bodies.job_task_bodies import with_tasks
from fakebatch.engine_context import Machinery
from fakebatch.execution.executor_port import Executor
from fakebatch.file_retention import Retention
from fakebatch.model import job_entity as jobs
from fakebatch.model import pool_entity as pools
from fakebatch.model import task_entity as tasks
from fakebatch.model.application_packages import Applications
from fakebatch.model.exit_conditions import consequence
from fakebatch.model.run_result import RunResult, ended
from fakebatch.model.task_spec import TaskSpec
from fakebatch.pool_nodes import Fleet
from fakebatch.preparation_and_release import Preparations
from fakebatch.store import JobRecord, PoolRecord, Store
from fakebatch.task_runner import TaskRuns
from fakebatch.wire import durations, service_clock, timestamps

_EMPTY_JOB_GRACE: Final = 0.5
"""Seconds in which a job without tasks that is to end with its last task may still be given some."""

_LONGEST_TURN: Final = 0.001
"""Seconds of simulated ends and starts in a row, until requests are looked at again."""


class Engine:
    """The running service. Its methods are called from one event loop: none sees a half-made change.

    `fleet` has what can be done with nodes.
    """

    def __init__(self, store: Store, executor: Executor, applications: Applications | None = None) -> None:
        self.store = store
        self.applications = applications or Applications()
        self.executor = executor
        self._runs = Runs()
        machinery = Machinery(
            store=store,
            runs=self._runs,
            executor=executor,
            applications=self.applications,
            wake=self.wake,
        )
        self._preparations = Preparations(machinery)
        self.fleet = Fleet(machinery, self._preparations)
        self._task_runs = TaskRuns(machinery, self._preparations, self._complete)
        self._auto_pools = AutoPools(store)
        self._retention = Retention(self._remove_old_files)
        self._pass_is_due = self._is_turning = self._is_stopped = False
        self._timers: dict[str, service_clock.Timer] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._followers: list[Callable[[], None]] = []

    async def stop(self) -> None:
        """Kill all tasks and stop."""
        for timer in self._timers.values():
            timer.cancel()
        self._retention.stop()
        self.fleet.stop()
        self._is_stopped, self._pass_is_due = True, False
        await self._runs.stop()
        await asyncio.gather(*self._removals)
        await self.executor.close()

    def resume(self) -> None:
        """Go on with what is in the store from the start."""
        self.fleet.resume()
        for record in self.store.jobs:
            self.job_changed(record)
            for task in record.tasks:
                self._keep_files(record, task)
        self.wake()

    def wake(self) -> None:
        """Have the engine look for something to do, once the current step of the event loop is over."""
        if self._is_stopped:
            return
        self._pass_is_due = True
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def follow(self, follower: Callable[[], None]) -> None:
        """Have a function called after each look for something to do: by then all that changed is settled."""
        self._followers.append(follower)

    @property
    def only_waits(self) -> bool:
        """Whether nothing is under way but runs that have nothing to do but to wait."""
        return not self._runs.at_work

    def _turn(self) -> None:
        """Do what there is to do, and what that leads to, without keeping requests waiting."""
        until = time.perf_counter() + _LONGEST_TURN
        try:
            while self._pass_is_due and time.perf_counter() < until:
                self._pass_is_due = False
                self._pass()
        finally:
            self._is_turning = False
            if self._pass_is_due:
                self.wake()

    def _pass(self) -> None:
        for record in self.store.jobs:
            self._settle(record)
        self._auto_pools.remove_expired()
        for pool in self.store.pools:
            self.fleet.advance(pool)
        for record, task, pool, nodes in task_scheduler.placements(self.store):
            self._task_runs.start(record, task, pool, nodes)
        for follower in self._followers:
            follower()

    # Tasks

    def _complete(self, record: JobRecord, task: tasks.TaskEntity, outcome: RunResult) -> None:
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

    def _keep_files(self, record: JobRecord, task: tasks.TaskEntity) -> None:
        """Have the files of a completed task removed in good time."""
        retention = durations.seconds(task.spec["constraints"]["retentionTime"])
        if task.ended_at is not None and retention is not None:
            self._retention.keep(record.job.id, task.id, task.ended_at, retention)

    def add_task(self, record: JobRecord, spec: Mapping[str, Any]) -> tasks.TaskEntity:
        """Add a task to a job; its id is free. A job manager is the first of all."""
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

    async def end_task(self, record: JobRecord, task: tasks.TaskEntity) -> tasks.TaskEntity:
        """Complete a task at a user's request, and return it once nothing of it runs."""
        record.put(tasks.modified(task, service_clock.now()))
        run = self._task_runs.end(record, task.id, Ending.TERMINATED)
        if run is not None:
            await asyncio.wait([run])
        else:
            self._complete(record, record.tasks[task.id], ended())
            self.wake()
        return record.tasks[task.id]

    async def delete_task(self, record: JobRecord, task: tasks.TaskEntity) -> None:
        """Remove a task and its files."""
        run = self._task_runs.end(record, task.id, Ending.DISCARDED)
        if run is not None:
            await asyncio.wait([run])
        if task.id in record.tasks:
            record.remove(record.tasks[task.id])
        await self.executor.remove_files(record.job.id, task.id)
        self._end_if_all_complete(record)
        self.wake()

    # Jobs

    def add_job(self, spec: Mapping[str, Any]) -> JobRecord:
        """Add a job; its id is free."""
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
        record = JobRecord(job)
        self.store.jobs.put(job.id, record)
        if "jobManagerTask" in spec:
            self.add_task(record, spec["jobManagerTask"])
        self.job_changed(record)
        return record

    def job_changed(self, record: JobRecord) -> None:
        """Follow the properties of a job that is new or was changed."""
        self._watch_time_limit(record)
        self._end_if_all_complete(record)
        if not len(record.tasks):
            service_clock.call_later(_EMPTY_JOB_GRACE, lambda: self._end_if_all_complete(record, True))
        self.wake()

    def end_job(self, record: JobRecord, reason: str, *, by_user: bool = False) -> None:
        """End a job and the runs of its tasks; those that did not run stay active."""
        record.job = jobs.terminated(record.job, reason, service_clock.now(), by_user=by_user)
        self._end_runs(record, Ending.TERMINATED)

    def disable_job(self, record: JobRecord, running: str) -> None:
        """Stop scheduling a job; `running` tells what becomes of its runs: requeue, terminate or wait."""
        record.job = jobs.disabled(record.job, service_clock.now())
        if running != "wait":
            self._end_runs(record, Ending.REQUEUED if running == "requeue" else Ending.TERMINATED)
        self.wake()

    def delete_job(self, record: JobRecord) -> None:
        """Remove a job, its tasks and their files."""
        record.job = jobs.deleted(record.job, service_clock.now())
        self._end_runs(record, Ending.TERMINATED)

    def _end_runs(self, record: JobRecord, ending: Ending) -> None:
        self._task_runs.end_all(record, ending)
        self.wake()

    def _end_if_all_complete(self, record: JobRecord, even_if_empty: bool = False) -> None:
        wanted = record.job.spec["onAllTasksComplete"] == "terminatejob" and record.job.state == "active"
        if wanted and not record.has_unfinished_tasks and (len(record.tasks) or even_if_empty):
            self.end_job(record, "AllTasksComplete")

    def _watch_time_limit(self, record: JobRecord) -> None:
        self._unwatch(record)
        limit = durations.seconds(record.job.spec["constraints"]["maxWallClockTime"])
        if limit is not None and not record.job.is_over:
            left = limit - (service_clock.now() - record.job.started_at) / timestamps.PER_SECOND
            self._timers[record.job.id] = service_clock.call_later(left, lambda: self._expire(record))

    def _unwatch(self, record: JobRecord) -> None:
        timer = self._timers.pop(record.job.id, None)
        if timer is not None:
            timer.cancel()

    def _expire(self, record: JobRecord) -> None:
        if not record.job.is_over:
            self.end_job(record, "MaxWallClockTimeExpiry")

    def _settle(self, record: JobRecord) -> None:
        if record.running:
            return
        if record.job.state in ("terminating", "deleting") and not self._preparations.release(record):
            return
        was_enabling = record.job.state == "enabling"
        record.job = jobs.transition_finished(record.job, service_clock.now())
        if was_enabling:
            self._end_if_all_complete(record)
        if record.job.state == "deleting" and not record.being_removed:
            record.being_removed = True
            self._in_background(self._remove_job(record))

    async def _remove_job(self, record: JobRecord) -> None:
        self._unwatch(record)
        await self.executor.remove_files(record.job.id)
        self.store.jobs.remove(record.job.id)
        self.wake()

    def _remove_old_files(self, job_id: str, task_id: str, ended_at: int) -> None:
        """Remove the files of a task, unless it ran again meanwhile."""
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
        """Add a pool; its id is free. Its nodes follow."""
        pool = pools.created(spec["id"], spec, service_clock.now())
        self.store.pools.put(pool.id, PoolRecord(pool))
        self.wake()
        return pool
