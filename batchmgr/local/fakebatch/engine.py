"""What moves the service: it starts tasks, follows their ends, and carries out what users ask for."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from batchmgr.local.fakebatch import placement
from batchmgr.local.fakebatch.execution.port import Executor, Order
from batchmgr.local.fakebatch.model import job as jobs
from batchmgr.local.fakebatch.model import pool as pools
from batchmgr.local.fakebatch.model import task as tasks
from batchmgr.local.fakebatch.model.exit_conditions import consequence
from batchmgr.local.fakebatch.model.outcomes import Outcome, ended
from batchmgr.local.fakebatch.model.task_spec import TaskSpec
from batchmgr.local.fakebatch.runs import Ending, Runs
from batchmgr.local.fakebatch.store import JobRecord, PoolRecord, Store
from batchmgr.local.fakebatch.wire import durations, ticks

_EMPTY_JOB_GRACE: Final = 0.5
"""Seconds in which a job without tasks that is to end with its last task may still be given some."""


class Engine:
    """The running service. Its methods are called from one event loop: none sees a half-made change."""

    def __init__(self, store: Store, executor: Executor) -> None:
        self.store = store
        self._executor = executor
        self._runs = Runs(executor, self._run_ended)
        self._pass_is_due = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._followers: list[Callable[[], None]] = []

    async def stop(self) -> None:
        """Kill all tasks and stop."""
        for timer in self._timers.values():
            timer.cancel()
        self._pass_is_due = True
        await self._runs.stop()
        await asyncio.gather(*self._removals)
        await self._executor.close()

    def wake(self) -> None:
        """Have the engine look for something to do, once the current step of the event loop is over."""
        if not self._pass_is_due:
            self._pass_is_due = True
            asyncio.get_running_loop().call_soon(self._pass)

    def follow(self, follower: Callable[[], None]) -> None:
        """Have a function called after each look for something to do: by then all that changed is settled."""
        self._followers.append(follower)

    def _pass(self) -> None:
        self._pass_is_due = False
        for pool in self.store.pools:
            self._allocate(pool)
        for record in self.store.jobs:
            self._settle(record)
        for record, task, pool, node in placement.placements(self.store):
            self._start(record, task, pool, node)
        for follower in self._followers:
            follower()

    # Runs

    def _start(self, record: JobRecord, task: tasks.Task, pool: PoolRecord, node: pools.Node) -> None:
        now = ticks.now()
        where = tasks.Placement(pool_id=pool.pool.id, node_id=node.id)
        record.put(tasks.started(task, where, now))
        pool.nodes.put(node.id, pools.occupied(node, task.slots, now))
        order = Order(
            job_id=record.job.id,
            task_id=task.id,
            pool_id=pool.pool.id,
            node_id=node.id,
            dedicated=node.dedicated,
            spec=task.spec,
            job_spec=record.job.spec,
        )
        self._runs.start(order)

    def _run_ended(self, order: Order, outcome: Outcome | None, ending: Ending | None) -> None:
        record = self.store.jobs[order.job_id]
        task = record.tasks[order.task_id]
        now = ticks.now()
        self._release_node(order, task, succeeded=outcome is not None and outcome.failure is None)
        if ending is Ending.DISCARDED:
            record.remove(task)
        elif outcome is None and ending is Ending.REQUEUED:
            record.put(tasks.requeued(task, now))
        elif outcome is not None and outcome.is_retryable and task.retries_left and ending is None:
            record.put(tasks.awaiting_retry(task, now))
        else:
            self._complete(record, task, outcome or ended())
        self.wake()

    def _release_node(self, order: Order, task: tasks.Task, *, succeeded: bool) -> None:
        pool = self.store.pools[order.pool_id]
        node = pool.nodes[order.node_id]
        pool.nodes.put(node.id, pools.released(node, task.slots, ticks.now(), succeeded=succeeded))

    def _complete(self, record: JobRecord, task: tasks.Task, outcome: Outcome) -> None:
        record.put(tasks.completed(task, outcome, ticks.now()))
        effect = consequence(task.spec.get("exitConditions", {}), outcome)
        if effect.satisfies:
            record.satisfy(task)
        acts = record.job.spec["onTaskFailure"] == "performexitoptionsjobaction" and not record.job.is_over
        if acts and effect.job_action == "terminate":
            self.end_job(record, "TaskFailed")
        elif acts and effect.job_action == "disable" and record.job.state == "active":
            self.disable_job(record, "requeue")
        self._end_if_all_complete(record)

    # Tasks

    def add_task(self, record: JobRecord, spec: Mapping[str, Any]) -> tasks.Task:
        """Add a task to a job; its id is free."""
        now = ticks.now()
        task = tasks.Task(
            id=spec["id"],
            number=record.next_number(),
            spec=TaskSpec(spec),
            created_at=now,
            last_modified=now,
            state_since=now,
        )
        record.add(task)
        self.wake()
        return task

    async def end_task(self, record: JobRecord, task: tasks.Task) -> tasks.Task:
        """Complete a task at a user's request, and return it once nothing of it runs."""
        record.put(tasks.touched(task, ticks.now()))
        run = self._runs.end(record.job.id, task.id, Ending.TERMINATED)
        if run is not None:
            await asyncio.wait([run])
        else:
            self._complete(record, record.tasks[task.id], ended())
            self.wake()
        return record.tasks[task.id]

    async def delete_task(self, record: JobRecord, task: tasks.Task) -> None:
        """Remove a task and its files."""
        run = self._runs.end(record.job.id, task.id, Ending.DISCARDED)
        if run is not None:
            await asyncio.wait([run])
        if task.id in record.tasks:
            record.remove(record.tasks[task.id])
        await self._executor.remove_files(record.job.id, task.id)
        self._end_if_all_complete(record)
        self.wake()

    # Jobs

    def add_job(self, spec: Mapping[str, Any]) -> JobRecord:
        """Add a job; its id is free."""
        now = ticks.now()
        job = jobs.Job(
            id=spec["id"],
            number=self.store.next_job_number(),
            spec=spec,
            created_at=now,
            last_modified=now,
            state_since=now,
            started_at=now,
        )
        record = JobRecord(job)
        self.store.jobs.put(job.id, record)
        self.job_changed(record)
        return record

    def job_changed(self, record: JobRecord) -> None:
        """Follow the properties of a job that is new or was changed."""
        self._watch_time_limit(record)
        self._end_if_all_complete(record)
        if not len(record.tasks):
            asyncio.get_running_loop().call_later(_EMPTY_JOB_GRACE, self._end_if_all_complete, record, True)
        self.wake()

    def end_job(self, record: JobRecord, reason: str, *, by_user: bool = False) -> None:
        """End a job and the runs of its tasks; those that did not run stay active."""
        record.job = jobs.terminated(record.job, reason, ticks.now(), by_user=by_user)
        self._end_runs(record, Ending.TERMINATED)

    def disable_job(self, record: JobRecord, running: str) -> None:
        """Stop scheduling a job; `running` tells what becomes of its runs: requeue, terminate or wait."""
        record.job = jobs.disabled(record.job, ticks.now())
        if running != "wait":
            self._end_runs(record, Ending.REQUEUED if running == "requeue" else Ending.TERMINATED)
        self.wake()

    def delete_job(self, record: JobRecord) -> None:
        """Remove a job, its tasks and their files."""
        record.job = jobs.deleted(record.job, ticks.now())
        self._end_runs(record, Ending.TERMINATED)

    def _end_runs(self, record: JobRecord, ending: Ending) -> None:
        for task_id in list(record.running):
            self._runs.end(record.job.id, task_id, ending)
        self.wake()

    def _end_if_all_complete(self, record: JobRecord, even_if_empty: bool = False) -> None:
        wanted = record.job.spec["onAllTasksComplete"] == "terminatejob" and record.job.state == "active"
        if wanted and not record.has_unfinished_tasks and (len(record.tasks) or even_if_empty):
            self.end_job(record, "AllTasksComplete")

    def _watch_time_limit(self, record: JobRecord) -> None:
        self._unwatch(record)
        limit = durations.seconds(record.job.spec["constraints"]["maxWallClockTime"])
        if limit is not None and not record.job.is_over:
            elapsed = (ticks.now() - record.job.started_at) / ticks.PER_SECOND
            loop = asyncio.get_running_loop()
            self._timers[record.job.id] = loop.call_later(limit - elapsed, self._expire, record)

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
        was_enabling = record.job.state == "enabling"
        record.job = jobs.settled(record.job, ticks.now())
        if was_enabling:
            self._end_if_all_complete(record)
        if record.job.state == "deleting" and not record.being_removed:
            record.being_removed = True
            removal = asyncio.create_task(self._remove_job(record))
            self._removals.add(removal)
            removal.add_done_callback(self._removals.discard)

    async def _remove_job(self, record: JobRecord) -> None:
        self._unwatch(record)
        await self._executor.remove_files(record.job.id)
        self.store.jobs.remove(record.job.id)
        self.wake()

    # Pools

    def _allocate(self, record: PoolRecord) -> None:
        """Bring the nodes of a pool to their targets, as far as the tasks on them allow."""
        if record.pool.allocation_state == "steady":
            return
        for dedicated in (True, False):
            staying = [node for node in record.nodes if node.dedicated == dedicated and not node.leaving]
            excess = len(staying) - record.pool.target(dedicated=dedicated)
            for _ in range(-excess):
                self._add_node(record, dedicated=dedicated)
            # The nodes with the least to lose go first.
            for node in sorted(staying, key=lambda node: node.running_tasks)[: max(excess, 0)]:
                self._send_away(record, node)
        for node in record.nodes:
            if node.leaving and not node.running_tasks:
                record.nodes.remove(node.id)
        if any(node.leaving for node in record.nodes):
            return
        record.pool = pools.allocated(record.pool, ticks.now())
        if record.pool.state == "deleting":
            self.store.pools.remove(record.pool.id)

    def _add_node(self, record: PoolRecord, *, dedicated: bool) -> None:
        now = ticks.now()
        record.nodes_created += 1
        node = pools.Node(
            id=pools.node_id(record.pool.id, record.nodes_created, dedicated=dedicated),
            dedicated=dedicated,
            slots=record.pool.slots_per_node,
            created_at=now,
            state_since=now,
        )
        record.nodes.put(node.id, node)

    def _send_away(self, record: PoolRecord, node: pools.Node) -> None:
        record.nodes.put(node.id, pools.leaving(node, ticks.now()))
        if record.deallocation in ("taskcompletion", "retaineddata"):
            return
        ending = Ending.REQUEUED if record.deallocation == "requeue" else Ending.TERMINATED
        for job in self.store.jobs:
            for task in [job.tasks[key] for key in job.running]:
                if task.placement is not None and task.placement.node_id == node.id:
                    self._runs.end(job.job.id, task.id, ending)
