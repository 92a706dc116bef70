"""What a job is made of: the author's decision, taken when the job is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from batchmgr.errors import InvalidJobError
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.workload.entry_points import EntryPointsRepository
from batchmgr.workload.task_specification import TaskSpecification
from batchmgr.workload.workload_task import InputsT, WorkloadTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


@frozen_dataclass
class JobContext:
    """The job that is being planned: its id and the `inputs` of its message, not checked by anybody yet.

    >>> context = JobContext(job_id="kmers-001", inputs={"k": 6})
    >>> context.container_name
    'job-kmers-001'

    `job` is what the message says of the job as a whole. An empty `storage_account_name` means batchmgr's own
    storage account.
    """

    job_id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    job: JobSpecification = field(default_factory=JobSpecification)
    storage_account_name: str = ""

    @property
    def container_name(self) -> str:
        """The blob container for this job's own files; it exists when the tasks start."""
        return job_container(self.job_id)


class JobManager:
    """Decides what tasks a job is made of. Derive from it and write `create_job`.

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

    `create_job` runs in the control plane, or on a node as a Batch job manager task: it should read no data
    and return soon. `context` describes the job, and `inputs` are what its message says: check them, and
    raise `InvalidJobError` with the `field` that is wrong. `job` is the job as a whole: its priority, its
    pool, what its nodes do before the first task. `finalize_task` is the specification of the FinalizeTask:
    append the files it needs, and set its inputs.
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
        self.__tasks: list[TaskSpecification] = []

    @property
    def tasks(self) -> Sequence[TaskSpecification]:
        """The tasks added so far, in order."""
        return tuple(self.__tasks)

    def create_job(self) -> None:
        """Add the job's tasks, with `add_workload_task`."""
        raise NotImplementedError(f"{type(self).__name__} has no create_job: add the job's tasks in it.")

    def add_workload_task(
        self,
        task_type: type[WorkloadTask[InputsT]],
        inputs: InputsT | Callable[[InputsT], NoReturn],
        depends_on: Sequence[TaskSpecification] = (),
    ) -> TaskSpecification:
        """Add a task that starts when those it depends on have succeeded; change the answer for more.

        `inputs` are a mapping, of the type that the task names. Raises `InvalidJobError` when they are none,
        or when the workload did not register the task type.
        """
        # No function is ever taken. But where one might be, mypy looks at the task type first, and so knows
        # what a dictionary that is written in the call has to hold.
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
        """Add a task that runs a program, without any Python; otherwise as `add_workload_task`.

        Azure Batch runs the command without a shell: where you need one, say `/bin/sh -c '…'`.
        """
        task = self.__add(depends_on)
        task.command_line = command_line
        return task

    def __add(self, depends_on: Sequence[TaskSpecification]) -> TaskSpecification:
        # (Two underscores, so that no subclass takes its place by chance.)
        # Integers, so that Azure Batch can be told of dependencies as ranges of ids.
        task = TaskSpecification(id=str(len(self.__tasks) + 1), depends_on=list(depends_on))
        self.__tasks.append(task)
        return task


class JobManagerBuilder:
    """Makes the job manager of a job. Name its type; override `build` to give it more.

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
        """The job manager for one job."""
        return self.job_manager_type(context, repository)
