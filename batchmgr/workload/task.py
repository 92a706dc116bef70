"""The code of a task, which runs on a node: what an author writes, and what it is given."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """Where a task runs. Its input files are in `working_directory`, and its output files belong there.

    >>> import os
    >>> context = TaskContext.from_environment({"AZ_BATCH_JOB_ID": "kmers-001", "AZ_BATCH_TASK_ID": "1"})
    >>> context.job_id, context.task_id, context.working_directory == Path.cwd()
    ('kmers-001', '1', True)
    """

    job_id: str
    task_id: str
    working_directory: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "TaskContext":
        """The context that Azure Batch tells in the `AZ_BATCH_*` variables; without them, a run by hand."""
        return cls(
            job_id=environment.get("AZ_BATCH_JOB_ID", ""),
            task_id=environment.get("AZ_BATCH_TASK_ID", ""),
            working_directory=Path(environment.get("AZ_BATCH_TASK_WORKING_DIR") or Path.cwd()),
        )


class WorkloadTask(ABC):
    """One kind of task. `run` does its work; whatever it raises ends the task as failed.

    `inputs` are what the job manager gave to `add_workload_task`, gone through JSON. When they, or the input
    files, are unusable, raise `InvalidInputError`: its message reaches the user in place of a traceback.

    >>> class CountLinesTask(WorkloadTask):
    ...     def run(self) -> None:
    ...         text = (self.context.working_directory / self.inputs["file"]).read_text()
    ...         (self.context.working_directory / "count.txt").write_text(str(len(text.splitlines())))
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     _ = Path(directory, "poem.txt").write_text("roses\\nviolets\\n")
    ...     context = TaskContext(job_id="j", task_id="1", working_directory=Path(directory))
    ...     CountLinesTask({"file": "poem.txt"}, context).run()
    ...     Path(directory, "count.txt").read_text()
    '2'
    """

    def __init__(self, inputs: Mapping[str, Any], context: TaskContext) -> None:
        self.inputs = inputs
        self.context = context

    @abstractmethod
    def run(self) -> None:
        """Do the task's work in `self.context.working_directory`."""


class FinalizeTask(WorkloadTask):
    """The task that runs after all others of a job, whether they succeeded or failed.

    This one does nothing more than end the job. To merge what the tasks made, derive from it and register
    that with `EntryPointsRepository.register_finalize_task`. Files of tasks that failed may be missing.

    >>> class MergeTask(FinalizeTask):
    ...     def run(self) -> None:
    ...         parts = sorted(self.context.working_directory.glob("parts/*.txt"))
    ...         merged = "".join(part.read_text() for part in parts)
    ...         (self.context.working_directory / "merged.txt").write_text(merged)
    """

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
        self, task_type: type[WorkloadTask], inputs: Mapping[str, Any], context: TaskContext
    ) -> WorkloadTask:
        """The task, ready to run."""
        return task_type(inputs, context)
