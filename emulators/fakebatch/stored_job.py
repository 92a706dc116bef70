"""A job with its tasks, as the store keeps it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from fakebatch.change_listeners import ChangeListener, ignore_change
from fakebatch.id_map import IdMap
from fakebatch.model.job_entity import JobEntity
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.model.ready_tasks import ReadyTasks
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_dependencies import TaskDependencies
from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_requirements import TaskRequirements, requirements_of


class StoredJob:
    """A job with its tasks, their counts by state, and the queue of tasks that are ready to run.

    `excluded_nodes` are those where the preparation failed for good.
    """

    def __init__(self, job: JobEntity) -> None:
        self._job = job
        self.on_change: ChangeListener = ignore_change
        self.tasks: IdMap[TaskEntity] = IdMap()
        self.running: set[str] = set()
        self.dependencies = TaskDependencies()
        self.being_removed = False
        self.node_statuses: dict[str, PreparationAndReleaseStatus] = {}
        self.excluded_nodes: set[str] = set()
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
            self.on_change("job", job.id)

    def next_number(self) -> int:
        """Return the number of the next task, in the order of creation."""
        self._tasks_created += 1
        return self._tasks_created

    def add(self, task: TaskEntity) -> None:
        """Add a new task, with its dependencies."""
        self._tasks_created = max(self._tasks_created, task.number)
        if "dependsOn" in task.spec:
            self.dependencies.add(task.id.lower(), task.spec["dependsOn"])
        self.put(task)

    def put(self, task: TaskEntity) -> None:
        """Store the new value of a task. If it is ready to run, it is queued for the scheduler."""
        before = self.tasks.get(task.id)
        if before is not None:
            self._count(before, -1)
        self._count(task, 1)
        self.tasks.put(task.id, task)
        has_new_spec = before is None or before.spec is not task.spec
        self.on_change("new task" if has_new_spec else "task", self._job.id, task.id)
        key = task.id.lower()
        if task.state in ("preparing", "running"):
            self.running.add(key)
        elif before is not None:
            self.running.discard(key)
        if task.state == "active" and (before is None or before.state != "active"):
            self._enqueue(key, task)

    def remove(self, task: TaskEntity) -> None:
        """Remove a task."""
        self._count(task, -1)
        self.tasks.remove(task.id)
        self.on_change("gone", "task", self._job.id, task.id)
        self.running.discard(task.id.lower())
        self.dependencies.forget(task.id.lower())
        self.subtasks.pop(task.id.lower(), None)

    def satisfy(self, task: TaskEntity) -> None:
        """Mark a task as a satisfied dependency, and queue the tasks that are ready because of that."""
        self.on_change("satisfied", self._job.id, task.id.lower())
        for key in self.dependencies.satisfy(task.id.lower()):
            if (dependent := self.tasks.get(key)) is not None:
                self._enqueue(key, dependent)

    def next_ready(self, fits: Callable[[TaskRequirements], bool]) -> TaskEntity | None:
        """Take the oldest task from the queue that can run and that fits; None if there is none."""
        limit = self.job.spec["maxParallelTasks"]
        if 0 <= limit <= len(self.running):
            return None
        while (key := self._ready.pop(fits)) is not None:
            task = self.tasks.get(key)
            # The task of a queue entry may have been deleted, or have ended, in the meantime.
            if task is not None and task.state == "active" and not self.dependencies.is_waiting(key):
                return task
        return None

    def put_node_status(self, status: PreparationAndReleaseStatus) -> None:
        """Store how far a node is prepared or released. Exclude it if its preparation failed for good."""
        self.node_statuses[status.node_id] = status
        self.on_change("visit", self._job.id, status.node_id)
        self.excluded_nodes.discard(status.node_id)
        run = status.preparation
        failed = status.is_prepared and run is not None and run.failure is not None
        if failed and self.job.spec["jobPreparationTask"]["waitForSuccess"]:
            self.excluded_nodes.add(status.node_id)

    def put_subtasks(self, task_id: str, subtasks: list[Subtask]) -> None:
        """Store the new values of the subtasks of a task."""
        self.subtasks[task_id.lower()] = subtasks
        self.on_change("subtasks", self._job.id, task_id)

    @property
    def has_unfinished_tasks(self) -> bool:
        """Whether any task is not completed."""
        return self._counts["active"] + self._counts["running"] > 0

    @property
    def has_ready_tasks(self) -> bool:
        """Whether the job is active and may have tasks that only wait for nodes."""
        return self.job.state == "active" and not self._ready.is_empty

    def ready_tasks(self) -> int:
        """Return how many active tasks only wait for nodes. A task counts once for each node it needs."""
        waiting = sum(map(self._is_active, self.dependencies.waiting()))
        others = sum(nodes - 1 for key, nodes in self._ready.on_several_nodes() if self._is_active(key))
        return self._counts["active"] - waiting + others

    def _is_active(self, key: str) -> bool:
        task = self.tasks.get(key)
        return task is not None and task.state == "active"

    def counts(self) -> dict[str, Any]:
        """Return the number of tasks, and of their slots, in each state."""
        names = ("active", "running", "completed", "succeeded", "failed")
        return {
            "taskCounts": {name: self._counts[name] for name in names},
            "taskSlotCounts": {name: self._slot_counts[name] for name in names},
        }

    def _enqueue(self, key: str, task: TaskEntity) -> None:
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
