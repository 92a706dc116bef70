"""The workload's definition: its job manager, its tasks and their builders."""

from __future__ import annotations

from batchmgr import (
    ApplicationPackageReference,
    BatchClient,
    InputFileSpecification,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    WorkloadBase,
)
from example_workload.tasks import ExampleFinalizeTask, ExampleWorkloadTask, ExampleWorkloadTaskBuilder


class ExampleWorkloadJobManager(JobManager):
    """Defines the tasks of a job. Inputs: `text`, a blob's path; `account` and `identity` for its files."""

    def create_job(self) -> None:
        """Creates the job."""
        account = self.inputs.get("account", self.context.storage_account_name)
        identity = self.inputs.get("identity", "")

        example_workload_task = self.add_workload_task(
            ExampleWorkloadTask, {"input_example": "hello-world-task-1"}, []
        )
        # Input file specification:
        example_workload_task.input_files.append(
            InputFileSpecification(
                storage_account_name=account,
                container_name="inputs",
                source_blob_path=self.inputs["text"],
                target_file_path="data/text.txt",
                identity_reference=identity,
            )
        )
        # Output file specification:
        example_workload_task.output_files.append(
            OutputFileSpecification(
                source_file_path="out/text.txt",
                storage_account_name=account,
                container_name=f"job-{self.context.job_id}",
                target_blob_path="text.txt",
                task_id=example_workload_task.id,
                identity_reference=identity,
            )
        )

        task = self.add_workload_task(
            ExampleWorkloadTask, {"input_example": "hello-world-task-2"}, [example_workload_task]
        )
        task.input_files.append(
            InputFileSpecification(
                storage_account_name=account,
                container_name=f"job-{self.context.job_id}",
                source_blob_path=f"{example_workload_task.id}/text.txt",
                target_file_path="data/text.txt",
                identity_reference=identity,
            )
        )
        task.output_files.append(
            OutputFileSpecification(
                source_file_path="out/text.txt",
                storage_account_name=account,
                container_name=f"job-{self.context.job_id}",
                target_blob_path="text.txt",
                task_id=task.id,
                identity_reference=identity,
            )
        )
        self.finalize_task.output_files.append(
            OutputFileSpecification(
                source_file_path="summary.json",
                storage_account_name=account,
                container_name=f"job-{self.context.job_id}",
                target_blob_path="summary.json",
                identity_reference=identity,
            )
        )


class ExampleWorkloadJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = ExampleWorkloadJobManager


class ExampleWorkload(WorkloadBase):
    """Appends to a text, twice."""

    application_package = ApplicationPackageReference(application_id="example_workload")

    def __init__(self, batch_client: BatchClient) -> None:
        super().__init__(
            batch_client=batch_client,
            # Here, the JobManagerBuilder is registered:
            job_manager_builder_type=ExampleWorkloadJobManagerBuilder,
        )
        # Here, the WorkloadTaskBuilder is registered:
        self._entry_points_repository.register_entry_point(ExampleWorkloadTask, ExampleWorkloadTaskBuilder)
        self._entry_points_repository.register_finalize_task(ExampleFinalizeTask)
