"""A workload: what ties its job manager and its tasks together."""

from __future__ import annotations

import re
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
    """The base of every workload. Register its tasks in `__init__`.

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

    `package` is what a node starts, as `<python> -m <package>`: by default the top-level package of the
    class, with `python3`. `name` is by default the package's. `application_package` names the application
    package that brings the workload to the node, where it is not installed there. The class is found by its
    entry point in the group `batchmgr.workloads`, and called with `batch_client` alone.
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
        # Neither is inherited: a class derived in another package is started from that package.
        cls.package = cls.__dict__.get("package", cls.__module__.partition(".")[0])
        cls.name = cls.__dict__.get("name", cls.package)

    @property
    def entry_points(self) -> EntryPointsRepository:
        """The kinds of tasks that a node can start."""
        return self._entry_points_repository

    def plan(self, context: JobContext) -> JobManager:
        """What the job is made of: a job manager that has created it. Raises what its `create_job` raises."""
        manager = self._job_manager_builder_type().build(context, self._entry_points_repository)
        manager.create_job()
        return manager

    def command_line(self, *arguments: str) -> str:
        """What a node runs to call this workload with these arguments, which are plain words."""
        command = " ".join((self.python, "-m", self.package, *arguments))
        if self.application_package is None:
            return command
        folder = _package_variable(self.application_package)
        return f"/bin/sh -c 'PYTHONPATH=\"${folder}${{PYTHONPATH:+:$PYTHONPATH}}\" exec {command}'"


def _package_variable(package: ApplicationPackageReference) -> str:
    """The environment variable by which a Linux node tells where a package is: `AZ_BATCH_APP_PACKAGE_a_1_0`.

    Letters other than those of a name become underscores.
    Source: https://learn.microsoft.com/azure/batch/batch-application-packages
    """
    name = "_".join(part for part in (package.application_id, package.version) if part)
    return "AZ_BATCH_APP_PACKAGE_" + re.sub(r"[^A-Za-z0-9_]", "_", name)
