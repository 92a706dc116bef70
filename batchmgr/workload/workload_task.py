"""The base classes of tasks, whose code runs on nodes, and what a task is given there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.workload.manifest import Manifest, load_manifest
from batchmgr.workload.progress_reporter import ProgressReporter

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    InputsT = TypeVar("InputsT", bound=Mapping[str, object], default=Mapping[str, Any])
else:
    from typing import TypeVar

    InputsT = TypeVar("InputsT")


@frozen_dataclass
class TaskContext:
    """Where a task runs. It finds its input files in `working_directory`, and writes its output files there.

    >>> context = TaskContext.from_environment({"AZ_BATCH_JOB_ID": "kmers-001", "AZ_BATCH_TASK_ID": "1"})
    >>> context.job_id, context.task_id, context.working_directory == Path.cwd()
    ('kmers-001', '1', True)

    `environment` holds the environment variables on the node, such as `AZ_BATCH_HOST_LIST` with the hosts of
    a multi-instance task.
    """

    job_id: str
    task_id: str
    working_directory: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    reporter: ProgressReporter = field(default_factory=ProgressReporter, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TaskContext:
        """Return the context that the `AZ_BATCH_*` variables describe.

        Without them, as in a run by hand, ids are empty and the current directory is used.
        """
        return cls(
            job_id=environment.get("AZ_BATCH_JOB_ID", ""),
            task_id=environment.get("AZ_BATCH_TASK_ID", ""),
            working_directory=Path(environment.get("AZ_BATCH_TASK_WORKING_DIR") or Path.cwd()),
            environment=environment,
            reporter=ProgressReporter.from_environment(environment),
        )


class WorkloadTask(ABC, Generic[InputsT]):
    """The base class of task types. `run` does the task's work. If it raises an exception, the task fails.

    `inputs` are those that the job manager gave to `add_workload_task`, converted to JSON and back. If they
    or the input files cannot be used, raise `InvalidInputError`: the user sees its message and no traceback.
    With a type for the inputs, a type checker finds wrong inputs where the task is added:

    >>> from typing import TypedDict
    >>> class CountLinesInputs(TypedDict):
    ...     file: str
    >>> class CountLinesTask(WorkloadTask[CountLinesInputs]):
    ...     def run(self) -> None:
    ...         text = (self.context.working_directory / self.inputs["file"]).read_text()
    ...         lines = len(text.splitlines())
    ...         (self.context.working_directory / "count.txt").write_text(str(lines))
    ...         self.publish_result({"lines": lines})
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     _ = Path(directory, "poem.txt").write_text("roses\\nviolets\\n")
    ...     context = TaskContext(job_id="j", task_id="1", working_directory=Path(directory))
    ...     CountLinesTask({"file": "poem.txt"}, context).run()
    ...     Path(directory, "count.txt").read_text()
    '2'
    """

    max_task_retry_count: ClassVar[int] = 0
    """How often Azure Batch runs a failed task of this type again, unless its specification says otherwise.

    Set it if the task raises `RetryableTaskError`. Azure Batch retries after any other failure too.
    """

    def __init__(self, inputs: InputsT, context: TaskContext) -> None:
        self.inputs = inputs
        self.context = context

    @abstractmethod
    def run(self) -> None:
        """Do the task's work in `self.context.working_directory`."""

    def report_progress(self, fraction: float, message: str = "") -> None:
        """Report how much of the task is done: a `fraction` from 0 to 1, and a short message.

        The report becomes an event of the job. Call it as often as you like: it is sent every five seconds at
        most, and a failure to send it does not disturb the task.
        """
        self.context.reporter.report_progress(fraction, message)

    def publish_result(self, result: Mapping[str, object]) -> None:
        """Publish a small result: a JSON object of 32 KiB at most.

        It becomes an event of the job and part of the callback's output. If the task publishes several
        results, the last one is kept. Write large results to output files. Raise `ValueError` if the result
        is not a JSON object, or is too large.
        """
        self.context.reporter.publish_result(result)


class FinalizeTask(WorkloadTask[InputsT]):
    """The task that runs after all others of a job, whether they succeeded or failed.

    This class itself only ends the job. To merge the results of the tasks, derive from it and register your
    class with `EntryPointsRepository.register_finalize_task`. Files of failed tasks may be missing. The
    `manifest` says how each task ended and which files it wrote.

    >>> class MergeTask(FinalizeTask):
    ...     def run(self) -> None:
    ...         parts = sorted(self.context.working_directory.glob("parts/*.txt"))
    ...         merged = "".join(part.read_text() for part in parts)
    ...         (self.context.working_directory / "merged.txt").write_text(merged)
    ...         failed = [task.id for task in self.manifest.tasks if not task.has_succeeded]
    ...         self.publish_result({"parts": len(parts), "failed": failed})
    """

    _manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """How all other tasks of the job ended, and which files they wrote. It is read once.

        Reading it may take as long as the interval of batchmgr's poller. Raise `ManifestError` if it cannot
        be read.
        """
        if self._manifest is None:
            self._manifest = load_manifest(self.context.environment, self.context.working_directory)
        return self._manifest

    def run(self) -> None:
        """Do nothing: there is nothing to merge."""


class WorkloadTaskBuilder:
    """Makes a task on its node. Override `build` to give a task more than its inputs and context.

    >>> class GreetTask(WorkloadTask):
    ...     greeting = "Hello"
    ...     def run(self) -> None:
    ...         print(f"{self.greeting}, {self.inputs['name']}")
    >>> class PoliteBuilder(WorkloadTaskBuilder):
    ...     def build(self, task_type, inputs, context):
    ...         task = super().build(task_type, inputs, context)
    ...         task.greeting = "Good evening"
    ...         return task
    >>> context = TaskContext.from_environment({})
    >>> PoliteBuilder().build(GreetTask, {"name": "Ada"}, context).run()
    Good evening, Ada
    """

    def build(
        self, task_type: type[WorkloadTask[Any]], inputs: Mapping[str, Any], context: TaskContext
    ) -> WorkloadTask[Any]:
        """Return the task, ready to run."""
        return task_type(inputs, context)
