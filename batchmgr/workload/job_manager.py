"""The job manager: workload code that adds the tasks of a job when the job is planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from types import GeneratorType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from batchmgr.errors import InvalidJobError
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.workload.entry_points import EntryPointsRepository
from batchmgr.workload.task_specification import PlannedTask, TaskSpecification
from batchmgr.workload.workload_task import InputsT, WorkloadTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


@frozen_dataclass
class JobContext:
    """The job that is being planned. Its `inputs` are those of the job message, which nobody has checked yet.

    >>> context = JobContext(job_id="kmers-001", inputs={"k": 6})
    >>> context.container_name
    'job-kmers-001'

    `job` holds the settings of the job message, such as its pool and priority. An empty
    `storage_account_name` means batchmgr's own storage account.
    """

    job_id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    job: JobSpecification = field(default_factory=JobSpecification)
    storage_account_name: str = ""

    @property
    def container_name(self) -> str:
        """The blob container for this job's own files. It exists when the tasks start."""
        return job_container(self.job_id)


class JobManager:
    """Adds the tasks of a job. Derive from it and write `create_job`.

    >>> class CountTask(WorkloadTask):
    ...     def run(self) -> None: ...
    >>> class CountJobManager(JobManager):
    ...     def create_job(self) -> None:
    ...         first = self.add_workload_task(CountTask, {"file": "a.txt"})
    ...         self.add_workload_task(CountTask, {"file": "b.txt"}, [first])
    >>> repository = EntryPointsRepository()
    >>> repository.register_entry_point(CountTask)
    >>> manager = CountJobManager(JobContext(job_id="count-001"), repository)
    >>> manager.create_job()
    >>> [(task.id, [other.id for other in task.depends_on]) for task in manager.tasks]
    [('1', []), ('2', ['1'])]

    `inputs` are those of the job message: check them, and raise `InvalidJobError` with the `field` that is
    wrong. `context` describes the job. `job` holds the settings of the whole job, such as its priority, its
    pool and its preparation task. `finalize_task` is the specification of the FinalizeTask: append the files
    that it needs, and set its inputs.

    `create_job` runs once for one job, when batchmgr accepts it; again only if that is interrupted, or if the
    same message arrives again at that time. The tasks that it adds are kept with the job. `POST /api/plan`
    runs it too. It must return soon and have no side effects. On a node, as a Batch job manager task, it runs
    once, and again only if Azure Batch runs that task again.

    A `create_job` that yields its tasks makes a job of any size in little memory. What was yielded can't be
    changed any more, but others can depend on it:

    >>> class ManyJobManager(JobManager):
    ...     def create_job(self) -> Iterator[TaskSpecification]:
    ...         for number in range(100_000):
    ...             task = self.add_workload_task(CountTask, {"file": f"{number}.txt"})
    ...             task.max_task_retry_count = 2
    ...             yield task
    """

    def __init__(self, context: JobContext, repository: EntryPointsRepository) -> None:
        self.context = context
        self.inputs: Mapping[str, Any] = context.inputs
        self.job: JobSpecification = replace(context.job, environment=dict(context.job.environment))
        finalize_type = repository.finalize_entry_point.task_type
        self.finalize_task: TaskSpecification = TaskSpecification(
            id=FINALIZE_TASK_ID,
            task_type=finalize_type.__name__,
            max_task_retry_count=finalize_type.max_task_retry_count,
        )
        self._repository = repository
        self.__tasks: dict[int, TaskSpecification] = {}
        self.__added = 0

    @property
    def tasks(self) -> Sequence[TaskSpecification]:
        """The tasks added so far, in order."""
        return tuple(self.__tasks.values())

    def create_job(self) -> Iterator[TaskSpecification] | None:
        """Add the job's tasks with `add_workload_task` and `add_command_task`.

        For a job of very many tasks, yield each of them as soon as it is complete.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no create_job. Define it, and add the job's tasks in it."
        )

    def add_workload_task(
        self,
        task_type: type[WorkloadTask[InputsT]],
        inputs: InputsT | Callable[[InputsT], NoReturn],
        depends_on: Sequence[TaskSpecification] = (),
    ) -> TaskSpecification:
        """Add a task and return its specification, which you may change.

        The task starts when all tasks in `depends_on` have succeeded. `inputs` is a mapping of the type that
        the task class names. Raise `InvalidJobError` if it is no mapping, or if the workload did not register
        the task type.
        """
        # `inputs` is never a function. The annotation makes mypy look at the task type first, so that it
        # checks a dictionary that is written in the call against the task's own TypedDict.
        name = task_type.__name__
        if not isinstance(inputs, Mapping):
            raise InvalidJobError(f"the inputs of a {name} must be a mapping, not {type(inputs).__name__}")
        if not self._repository.is_registered(task_type):
            raise InvalidJobError(
                f"task type {name} is not registered; add "
                f"self._entry_points_repository.register_entry_point({name}) to the workload's __init__"
            )
        task = self.__add(depends_on)
        task.task_type = task.display_name = name
        task.inputs = dict(inputs)
        task.max_task_retry_count = task_type.max_task_retry_count
        return task

    def add_command_task(
        self, command_line: str, depends_on: Sequence[TaskSpecification] = ()
    ) -> TaskSpecification:
        """Add a task that runs a program instead of a task class. Return its specification.

        Azure Batch runs the command without a shell. If you need a shell, write `/bin/sh -c '…'`.
        """
        task = self.__add(depends_on)
        task.command_line = command_line
        return task

    def __add(self, depends_on: Sequence[TaskSpecification]) -> TaskSpecification:
        # The name has two underscores so that no subclass overrides it by accident.
        # Ids are integers so that dependencies can be sent to Azure Batch as ranges.
        self.__added += 1
        task = TaskSpecification(id=str(self.__added), depends_on=list(depends_on))
        self.__tasks[id(task)] = task
        return task

    def _completed_tasks(self) -> Iterator[TaskSpecification]:
        """Run `create_job`, and yield its tasks when they are complete. For batchmgr.

        A task that `create_job` has yielded is planned when it goes on: nothing but its id is kept. Those
        that it has not yielded follow at the end, in the order in which they were added.
        """
        created = self.create_job()  # old code may return anything
        if isinstance(created, GeneratorType):
            for task in cast("Iterator[TaskSpecification]", created):
                if id(task) not in self.__tasks:
                    raise InvalidJobError(
                        f"create_job yielded {task!r}: yield each task that add_workload_task or "
                        "add_command_task returned, and yield it once"
                    )
                yield task
                del self.__tasks[id(task)]
                PlannedTask.take_over(task, self)
        yield from self.tasks

    def _has_added(self, task: TaskSpecification) -> bool:
        """Return whether the task is one of this job. For batchmgr."""
        if isinstance(task, PlannedTask):
            return task._owner is self
        return id(task) in self.__tasks


class JobManagerBuilder:
    """Makes the job manager of a job. Set `job_manager_type`, or override `build` to pass more to it.

    >>> class CountJobManager(JobManager):
    ...     def create_job(self) -> None: ...
    >>> class CountJobManagerBuilder(JobManagerBuilder):
    ...     job_manager_type = CountJobManager
    >>> manager = CountJobManagerBuilder().build(JobContext(job_id="j"), EntryPointsRepository())
    >>> type(manager).__name__
    'CountJobManager'
    """

    job_manager_type: ClassVar[type[JobManager]] = JobManager

    def build(self, context: JobContext, repository: EntryPointsRepository) -> JobManager:
        """Return the job manager for one job."""
        return self.job_manager_type(context, repository)
