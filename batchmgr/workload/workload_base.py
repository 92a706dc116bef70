"""The base class of workloads, which connects a job manager and its task types."""

from __future__ import annotations

import re
from types import GeneratorType
from typing import TYPE_CHECKING, ClassVar

from batchmgr.plan.task_options import ApplicationPackageReference
from batchmgr.workload.entry_points import EntryPointsRepository
from batchmgr.workload.job_manager import JobContext, JobManager, JobManagerBuilder

if TYPE_CHECKING:
    from typing import Protocol

    class AnyBatchClient(Protocol):
        """Any Azure Batch client that a workload may be given: batchmgr's, Azure's or an author's own."""

        def close(self) -> None:
            """Close its connections."""


class WorkloadBase:
    """The base class of every workload. Register its task types in `__init__`.

    >>> from batchmgr import WorkloadTask
    >>> class CountTask(WorkloadTask):
    ...     def run(self) -> None: ...
    >>> class CountJobManager(JobManager):
    ...     def create_job(self) -> None:
    ...         self.add_workload_task(CountTask, {"file": "a.txt"})
    >>> class CountJobManagerBuilder(JobManagerBuilder):
    ...     job_manager_type = CountJobManager
    >>> class CountWorkload(WorkloadBase):
    ...     name = "count"
    ...     def __init__(self, batch_client=None) -> None:
    ...         super().__init__(batch_client, CountJobManagerBuilder)
    ...         self._entry_points_repository.register_entry_point(CountTask)
    >>> [task.id for task in CountWorkload().plan(JobContext(job_id="count-001")).tasks]
    ['1']

    Nodes start `<python> -m <package>`. By default `python` is `python3`, and `package` is the top-level
    package of the class. `name` is the workload's name in job messages; by default it is that of the package.
    `application_package` is the Batch application package that contains the workload, if it is not installed
    on the nodes.

    batchmgr finds the class by its entry point in the group `batchmgr.workloads`, and calls it with the
    argument `batch_client` alone.
    """

    name: ClassVar[str] = ""
    package: ClassVar[str] = ""
    python: ClassVar[str] = "python3"
    application_package: ClassVar[ApplicationPackageReference | None] = None

    def __init__(
        self,
        batch_client: AnyBatchClient | None = None,
        job_manager_builder_type: type[JobManagerBuilder] = JobManagerBuilder,
    ) -> None:
        self.batch_client = batch_client
        self._job_manager_builder_type = job_manager_builder_type
        self._entry_points_repository = EntryPointsRepository()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Neither is inherited: nodes start a derived class from its own package.
        cls.package = cls.__dict__.get("package", cls.__module__.partition(".")[0])
        cls.name = cls.__dict__.get("name", cls.package)

    @property
    def entry_points(self) -> EntryPointsRepository:
        """The task types that a node can start."""
        return self._entry_points_repository

    def plan(self, context: JobContext) -> JobManager:
        """Run `create_job` and return the job manager, which has the job's tasks.

        Any exception of `create_job` is raised as it is.
        """
        manager = self.job_manager(context)
        created = manager.create_job()
        if isinstance(created, GeneratorType):
            for _ in created:
                pass  # it goes on when it is asked for the next task
        return manager

    def job_manager(self, context: JobContext) -> JobManager:
        """Return the job manager of a job, without tasks."""
        return self._job_manager_builder_type().build(context, self._entry_points_repository)

    def command_line(self, *arguments: str) -> str:
        """Return the command line with which a node runs this workload. The arguments are plain words."""
        command = " ".join((self.python, "-m", self.package, *arguments))
        if self.application_package is None:
            return command
        folder = _package_variable(self.application_package)
        return f"/bin/sh -c 'PYTHONPATH=\"${folder}${{PYTHONPATH:+:$PYTHONPATH}}\" exec {command}'"


def _package_variable(package: ApplicationPackageReference) -> str:
    """Return the variable in which a Linux node has a package's directory: `AZ_BATCH_APP_PACKAGE_a_1_0`.

    All characters except letters, digits and underscores become underscores.
    Source: https://learn.microsoft.com/azure/batch/batch-application-packages
    """
    name = "_".join(part for part in (package.application_id, package.version) if part)
    return "AZ_BATCH_APP_PACKAGE_" + re.sub(r"[^A-Za-z0-9_]", "_", name)
