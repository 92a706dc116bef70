"""Everything the service knows, indexed so that no request costs more than what it asks for."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Any

from fakebatch.change_listeners import Note, RecordShelf, WatchedShelf, unheeded
from fakebatch.errors import BatchError
from fakebatch.id_map import Shelf
from fakebatch.model.job_entity import JobEntity
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.model.ready_tasks import ReadyTasks
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_dependencies import TaskDependencies
from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_requirements import TaskRequirements, requirements_of
from fakebatch.stored_pool import PoolRecord

__all__ = ("JobRecord", "PoolRecord", "Store")


class JobRecord:
    """A job with its tasks, how many of them are in which state, and which may run next."""

    def __init__(self, job: JobEntity) -> None:
        self._job = job
        self.note: Note = unheeded
        self.tasks: Shelf[TaskEntity] = Shelf()
        self.running: set[str] = set()
        self.dependencies = TaskDependencies()
        self.being_removed = False
        self.visits: dict[str, PreparationAndReleaseStatus] = {}
        self.shunned: set[str] = set()
        self.subtasks: dict[str, list[Subtask]] = {}
        self._ready = ReadyTasks()
        self._tasks_created = 0
        self._counts: Counter[str] = Counter()
        self._slot_counts: Counter[str] = Counter()

    @property
    def job(self) -> JobEntity:
        """The job without its tasks."""
        return self._job

    @job.setter
    def job(self, job: JobEntity) -> None:
        if job is not self._job:
            self._job = job
            self.note("job", job.id)

    def next_number(self) -> int:
        """Return the place of the next task in the order of creation."""
        self._tasks_created += 1
        return self._tasks_created

    def add(self, task: TaskEntity) -> None:
        """Add a new task with what it depends on."""
        self._tasks_created = max(self._tasks_created, task.number)
        if "dependsOn" in task.spec:
            self.dependencies.add(task.id.lower(), task.spec["dependsOn"])
        self.put(task)

    def put(self, task: TaskEntity) -> None:
        """Keep the new value of a task; one that can run is offered to the scheduler."""
        before = self.tasks.get(task.id)
        if before is not None:
            self._count(before, -1)
        self._count(task, 1)
        self.tasks.put(task.id, task)
        has_new_spec = before is None or before.spec is not task.spec
        self.note("new task" if has_new_spec else "task", self._job.id, task.id)
        key = task.id.lower()
        if task.state in ("preparing", "running"):
            self.running.add(key)
        elif before is not None:
            self.running.discard(key)
        if task.state == "active" and (before is None or before.state != "active"):
            self._offer(key, task)

    def remove(self, task: TaskEntity) -> None:
        """Take away a task."""
        self._count(task, -1)
        self.tasks.remove(task.id)
        self.note("gone", "task", self._job.id, task.id)
        self.running.discard(task.id.lower())
        self.dependencies.forget(task.id.lower())
        self.subtasks.pop(task.id.lower(), None)

    def satisfy(self, task: TaskEntity) -> None:
        """Let the tasks that depend on this one go on."""
        self.note("satisfied", self._job.id, task.id.lower())
        for key in self.dependencies.satisfy(task.id.lower()):
            if (dependent := self.tasks.get(key)) is not None:
                self._offer(key, dependent)

    def next_ready(self, fits: Callable[[TaskRequirements], bool]) -> TaskEntity | None:
        """Take the oldest task that can run and whose need fits."""
        limit = self.job.spec["maxParallelTasks"]
        if 0 <= limit <= len(self.running):
            return None
        while (key := self._ready.pop(fits)) is not None:
            task = self.tasks.get(key)
            # An entry outlives its task's turn when the task is deleted, or ended before it ran.
            if task is not None and task.state == "active" and not self.dependencies.is_waiting(key):
                return task
        return None

    def put_visit(self, visit: PreparationAndReleaseStatus) -> None:
        """Keep the new value of a visit. A node where the preparation failed for good is shunned."""
        self.visits[visit.node_id] = visit
        self.note("visit", self._job.id, visit.node_id)
        self.shunned.discard(visit.node_id)
        run = visit.preparation
        failed = visit.is_prepared and run is not None and run.failure is not None
        if failed and self.job.spec["jobPreparationTask"]["waitForSuccess"]:
            self.shunned.add(visit.node_id)

    def put_subtasks(self, task_id: str, subtasks: list[Subtask]) -> None:
        """Keep the new values of the subtasks of a task."""
        self.subtasks[task_id.lower()] = subtasks
        self.note("subtasks", self._job.id, task_id)

    @property
    def has_unfinished_tasks(self) -> bool:
        """Whether a task is not completed."""
        return self._counts["active"] + self._counts["running"] > 0

    @property
    def has_ready_tasks(self) -> bool:
        """Whether an active job has tasks that perhaps wait for nothing but nodes."""
        return self.job.state == "active" and not self._ready.is_empty

    def ready_tasks(self) -> int:
        """Return how many active tasks wait for nothing but nodes; one counts for each node it needs."""
        waiting = sum(map(self._is_active, self.dependencies.waiting()))
        others = sum(nodes - 1 for key, nodes in self._ready.on_several_nodes() if self._is_active(key))
        return self._counts["active"] - waiting + others

    def _is_active(self, key: str) -> bool:
        task = self.tasks.get(key)
        return task is not None and task.state == "active"

    def counts(self) -> dict[str, Any]:
        """Return how many tasks, and how many of their slots, are in each state."""
        names = ("active", "running", "completed", "succeeded", "failed")
        return {
            "taskCounts": {name: self._counts[name] for name in names},
            "taskSlotCounts": {name: self._slot_counts[name] for name in names},
        }

    def _offer(self, key: str, task: TaskEntity) -> None:
        if task.state == "active" and not self.dependencies.is_waiting(key):
            self._ready.push(requirements_of(task), task.number, key)

    def _count(self, task: TaskEntity, change: int) -> None:
        # The service counts a task that is being prepared as running.
        state = "running" if task.state == "preparing" else task.state
        slots = change * task.slots
        self._counts[state] += change
        self._slot_counts[state] += slots
        if state == "completed":
            result = "succeeded" if task.failure is None else "failed"
            self._counts[result] += change
            self._slot_counts[result] += slots


class Store:
    """The pools and jobs of the account."""

    def __init__(self) -> None:
        self.jobs: RecordShelf[JobRecord] = RecordShelf("job")
        self.pools: RecordShelf[PoolRecord] = RecordShelf("pool")
        self.schedules: WatchedShelf[JobScheduleEntity] = WatchedShelf("schedule")
        self._jobs_created = 0

    def watch(self, note: Note) -> None:
        """Have a function told of each change from now on."""
        self.jobs.watch(note)
        self.pools.watch(note)
        self.schedules.note = note

    def restore_numbers(self) -> None:
        """Count on from the jobs that are there."""
        self._jobs_created = max((record.job.number for record in self.jobs), default=0)

    def next_job_number(self) -> int:
        """Return the place of the next job in the order of creation."""
        self._jobs_created += 1
        return self._jobs_created

    def job(self, job_id: str) -> JobRecord:
        """Return a job. Raises BatchError(JobNotFound)."""
        record = self.jobs.get(job_id)
        if record is None:
            raise BatchError("JobNotFound")
        return record

    def task(self, job_id: str, task_id: str) -> tuple[JobRecord, TaskEntity]:
        """Return a task and its job. Raises BatchError(JobNotFound, TaskNotFound)."""
        record = self.job(job_id)
        task = record.tasks.get(task_id)
        if task is None:
            raise BatchError("TaskNotFound")
        return record, task

    def schedule(self, schedule_id: str) -> JobScheduleEntity:
        """Return a job schedule. Raises BatchError(JobScheduleNotFound)."""
        schedule = self.schedules.get(schedule_id)
        if schedule is None:
            raise BatchError("JobScheduleNotFound")
        return schedule

    def jobs_of(self, schedule: JobScheduleEntity) -> list[JobRecord]:
        """Return the jobs a schedule created, in the order of their ids."""
        # No other job has a colon in its id; a semicolon is the character after it.
        ids = self.jobs.ids
        first, end = bisect_left(ids, f"{schedule.id}:"), bisect_left(ids, f"{schedule.id};")
        return [self.jobs[job_id] for job_id in ids[first:end]]

    def active_jobs_and_schedules(self) -> int:
        """Return how many jobs and job schedules count towards the quota of the account."""
        jobs = sum(record.job.state != "completed" for record in self.jobs)
        return jobs + sum(schedule.state != "completed" for schedule in self.schedules)

    def pool(self, pool_id: str) -> PoolRecord:
        """Return a pool. Raises BatchError(PoolNotFound)."""
        record = self.pools.get(pool_id)
        if record is None:
            raise BatchError("PoolNotFound")
        return record

    def node(self, pool_id: str, node_id: str) -> tuple[PoolRecord, NodeEntity]:
        """Return a node and its pool. Raises BatchError(PoolNotFound, NodeNotFound)."""
        record = self.pool(pool_id)
        node = record.nodes.get(node_id)
        if node is None:
            raise BatchError("NodeNotFound")
        return record, node
