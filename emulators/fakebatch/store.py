"""The store: the whole state of the account, indexed so that no request has to search."""

from bisect import bisect_left

from fakebatch.change_listeners import ChangeListener, NotifyingIdMap, RecordMap
from fakebatch.errors import BatchError
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.task_entity import TaskEntity
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool


class Store:
    """The pools, jobs and job schedules of the account."""

    def __init__(self) -> None:
        self.jobs: RecordMap[StoredJob] = RecordMap("job")
        self.pools: RecordMap[StoredPool] = RecordMap("pool")
        self.schedules: NotifyingIdMap[JobScheduleEntity] = NotifyingIdMap("schedule")
        self._jobs_created = 0

    def set_listener(self, on_change: ChangeListener) -> None:
        """Call a function with each change from now on."""
        self.jobs.set_listener(on_change)
        self.pools.set_listener(on_change)
        self.schedules.on_change = on_change

    def restore_numbers(self) -> None:
        """Continue the numbers of jobs from those in the store."""
        self._jobs_created = max((record.job.number for record in self.jobs), default=0)

    def next_job_number(self) -> int:
        """Return the number of the next job, in the order of creation."""
        self._jobs_created += 1
        return self._jobs_created

    def job(self, job_id: str) -> StoredJob:
        """Return a job. Raises BatchError(JobNotFound)."""
        record = self.jobs.get(job_id)
        if record is None:
            raise BatchError("JobNotFound")
        return record

    def task(self, job_id: str, task_id: str) -> tuple[StoredJob, TaskEntity]:
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

    def jobs_of(self, schedule: JobScheduleEntity) -> list[StoredJob]:
        """Return the jobs that a schedule created, sorted by id."""
        # No other job has a colon in its id. The semicolon is the next character after the colon.
        ids = self.jobs.ids
        first, end = bisect_left(ids, f"{schedule.id}:"), bisect_left(ids, f"{schedule.id};")
        return [self.jobs[job_id] for job_id in ids[first:end]]

    def active_jobs_and_schedules(self) -> int:
        """Return how many jobs and job schedules count towards the quota of the account."""
        jobs = sum(record.job.state != "completed" for record in self.jobs)
        return jobs + sum(schedule.state != "completed" for schedule in self.schedules)

    def pool(self, pool_id: str) -> StoredPool:
        """Return a pool. Raises BatchError(PoolNotFound)."""
        record = self.pools.get(pool_id)
        if record is None:
            raise BatchError("PoolNotFound")
        return record

    def node(self, pool_id: str, node_id: str) -> tuple[StoredPool, NodeEntity]:
        """Return a node and its pool. Raises BatchError(PoolNotFound, NodeNotFound)."""
        record = self.pool(pool_id)
        node = record.nodes.get(node_id)
        if node is None:
            raise BatchError("NodeNotFound")
        return record, node
