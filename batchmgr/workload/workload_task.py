"""The code of a task, which runs on a node: what an author writes, and what it is given."""

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
    """Where a task runs. Its input files are in `working_directory`, and its output files belong there.

    >>> context = TaskContext.from_environment({"AZ_BATCH_JOB_ID": "kmers-001", "AZ_BATCH_TASK_ID": "1"})
    >>> context.job_id, context.task_id, context.working_directory == Path.cwd()
    ('kmers-001', '1', True)

    `environment` is the node's: of a multi-instance task, for one, the hosts in `AZ_BATCH_HOST_LIST`.
    """

    job_id: str
    task_id: str
    working_directory: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    reporter: ProgressReporter = field(default_factory=ProgressReporter, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TaskContext:
        """The context that Azure Batch tells in the `AZ_BATCH_*` variables; without them, a run by hand."""
        return cls(
            job_id=environment.get("AZ_BATCH_JOB_ID", ""),
            task_id=environment.get("AZ_BATCH_TASK_ID", ""),
            working_directory=Path(environment.get("AZ_BATCH_TASK_WORKING_DIR") or Path.cwd()),
            environment=environment,
            reporter=ProgressReporter.from_environment(environment),
        )


class WorkloadTask(ABC, Generic[InputsT]):
    """One kind of task. `run` does its work; whatever it raises ends the task as failed.

    `inputs` are what the job manager gave to `add_workload_task`, gone through JSON. When they, or the input
    files, are unusable, raise `InvalidInputError`: its message reaches the user in place of a traceback. Name
    their type, and a type checker finds wrong inputs where the task is added:

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
    """How often Azure Batch runs such a task again, unless its specification says otherwise.

    A task that raises `RetryableTaskError` wants some; whatever else fails it is then tried again, too.
    """

    def __init__(self, inputs: InputsT, context: TaskContext) -> None:
        self.inputs = inputs
        self.context = context

    @abstractmethod
    def run(self) -> None:
        """Do the task's work in `self.context.working_directory`."""

    def report_progress(self, fraction: float, message: str = "") -> None:
        """Tell the job's events how far this task is: a `fraction` from 0 to 1, and a few words.

        Call it as often as you like: it is sent every few seconds at most, and never disturbs the task.
        """
        self.context.reporter.report_progress(fraction, message)

    def publish_result(self, result: Mapping[str, object]) -> None:
        """Hand a small result (JSON, 32 KiB at most) to the job's events and to the callback's output.

        The last one counts. Large results belong in output files. Raises `ValueError` for what is no JSON
        object, or is too large.
        """
        self.context.reporter.publish_result(result)


class FinalizeTask(WorkloadTask[InputsT]):
    """The task that runs after all others of a job, whether they succeeded or failed.

    This one does nothing more than end the job. To merge what the tasks made, derive from it and register
    that with `EntryPointsRepository.register_finalize_task`. Files of tasks that failed may be missing: the
    `manifest` tells how each task ended and what it left.

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
        """All other tasks of the job: how they ended, and what they left. Read once.

        Raises `ManifestError` where it cannot be had.
        """
        if self._manifest is None:
            self._manifest = load_manifest(self.context.environment, self.context.working_directory)
        return self._manifest

    def run(self) -> None:
        """Nothing to merge."""


class WorkloadTaskBuilder:
    """Makes a task on the node. Override `build` to give a task more than its inputs and context.

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
        """The task, ready to run."""
        return task_type(inputs, context)
