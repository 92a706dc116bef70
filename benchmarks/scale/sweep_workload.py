"""A workload of many tasks of about 900 bytes: with a `create_job` that yields, and one that adds."""

from collections.abc import Iterator

from batchmgr import (
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    TaskSpecification,
    WorkloadBase,
    WorkloadTask,
)
from benchmarks.scale.routes import TEXT

created = 0
"""How often a job was created in this process."""


class SimulateTask(WorkloadTask):
    """A task of the sweep. It never runs here."""

    def run(self) -> None:
        """Do nothing."""


class AddingJobManager(JobManager):
    """Adds all tasks, and then returns."""

    def create_job(self) -> Iterator[TaskSpecification] | None:
        """Add the tasks."""
        for _ in self.sweep():
            pass
        return None

    def sweep(self) -> Iterator[TaskSpecification]:
        """Yield the tasks, and one that waits for all of them."""
        global created
        created += 1
        cases = []
        for number in range(self.inputs["tasks"]):
            case = self.add_workload_task(SimulateTask, {"x": number // 10, "y": number % 10})
            case.environment["SAMPLE"] = TEXT
            case.output_files.append(
                OutputFileSpecification(
                    source_file_path="result.json",
                    container_name=self.context.container_name,
                    target_blob_path=f"results/{number}.json",
                )
            )
            cases.append(case)
            yield case
        yield self.add_command_task("/bin/true", cases)


class YieldingJobManager(AddingJobManager):
    """Yields each task as soon as it is complete."""

    def create_job(self) -> Iterator[TaskSpecification]:
        """Yield the tasks."""
        return self.sweep()


class AddingBuilder(JobManagerBuilder):
    """Builds the job manager that adds."""

    job_manager_type = AddingJobManager


class YieldingBuilder(JobManagerBuilder):
    """Builds the job manager that yields."""

    job_manager_type = YieldingJobManager


class AddingWorkload(WorkloadBase):
    """The workload whose `create_job` returns nothing."""

    def __init__(self, batch_client: None = None) -> None:
        super().__init__(batch_client, AddingBuilder)
        self._entry_points_repository.register_entry_point(SimulateTask)


class YieldingWorkload(WorkloadBase):
    """The workload whose `create_job` is a generator."""

    def __init__(self, batch_client: None = None) -> None:
        super().__init__(batch_client, YieldingBuilder)
        self._entry_points_repository.register_entry_point(SimulateTask)
