# pyright: strict
"""A workload that uses the whole public surface as intended: type checkers find no error in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from batchmgr import (
    Application,
    ApplicationPackageReference,
    AutoPoolSpecification,
    BatchClient,
    BatchClientFactory,
    BatchClientSettings,
    ContainerSettings,
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    FinalizeTask,
    FinishedTask,
    ImageReference,
    InputFileSpecification,
    InvalidInputError,
    InvalidJobError,
    JobManager,
    JobManagerBuilder,
    JobPreparationTask,
    JobReleaseTask,
    MultiInstanceSettings,
    OutputFileSpecification,
    RetryableTaskError,
    TaskContext,
    TaskSpecification,
    UserIdentity,
    WorkloadBase,
    WorkloadTask,
    WorkloadTaskBuilder,
    setup_logging,
)


class SolveInputs(TypedDict):
    case: str
    steps: int


class MergeInputs(TypedDict):
    title: str


class SolveTask(WorkloadTask[SolveInputs]):
    tolerance = 1e-6

    def run(self) -> None:
        case: str = self.inputs["case"]
        steps: int = self.inputs["steps"]
        if steps < 1:
            raise InvalidInputError(f"{case} has no steps")
        if self.context.environment.get("LICENCE") == "busy":
            raise RetryableTaskError("all licences are taken")
        self.report_progress(0.5, "half of the steps")
        self.report_progress(1)
        (self.context.working_directory / "field.bin").write_bytes(b"")
        self.publish_result({"case": case, "residuals": [1.0, 0.5]})


class PlotTask(WorkloadTask):
    """A task whose inputs are any mapping."""

    def run(self) -> None:
        colour: Any = self.inputs["colour"]
        self.publish_result({"colour": colour, "task": self.context.task_id})


class MergeTask(FinalizeTask[MergeInputs]):
    def run(self) -> None:
        failed: list[FinishedTask] = [task for task in self.manifest.tasks if not task.has_succeeded]
        left: list[str] = [output.url for task in self.manifest.tasks for output in task.outputs]
        self.publish_result({"title": self.inputs["title"], "failed": len(failed), "left": left})


class PlainMergeTask(FinalizeTask):
    def run(self) -> None:
        exit_codes: list[int | None] = [task.exit_code for task in self.manifest.tasks]
        self.publish_result({"exitCodes": exit_codes})


class SolveTaskBuilder(WorkloadTaskBuilder):
    def build(
        self, task_type: type[WorkloadTask[Any]], inputs: Mapping[str, Any], context: TaskContext
    ) -> WorkloadTask[Any]:
        task = super().build(task_type, inputs, context)
        if isinstance(task, SolveTask):
            task.tolerance = 1e-9
        return task


class SolveJobManager(JobManager):
    def create_job(self) -> None:
        if self.inputs.get("steps", 0) > 100:
            raise InvalidJobError("must be 100 at most", field="inputs.steps")
        first = self.add_workload_task(SolveTask, {"case": "wing", "steps": 3}, [])
        second = self.add_workload_task(SolveTask, SolveInputs(case="tail", steps=3), [first])
        plot = self.add_workload_task(PlotTask, {"colour": "blue", "x": [1, 2]}, depends_on=(first, second))
        program: TaskSpecification = self.add_command_task("solver --fast", [plot])
        self._give_files(first)
        self._limit(program)
        self._change_job()
        self.finalize_task.inputs = {"title": "wings"}

    def _give_files(self, task: TaskSpecification) -> None:
        task.input_files.append(
            InputFileSpecification(
                storage_account_name="hpc",
                container_name="cases",
                source_blob_path="wing.msh",
                target_file_path="mesh/wing.msh",
                identity_reference="/subscriptions/…",
            )
        )
        task.input_files.append(
            InputFileSpecification(http_url="https://example.com/a", target_file_path="a", file_mode="0755")
        )
        task.output_files.append(
            OutputFileSpecification(
                source_file_path="field.bin",
                storage_account_name=self.context.storage_account_name,
                container_name=self.context.container_name,
                target_blob_path="field.bin",
                task_id=task.id,
                identity_reference="",
                upload_condition="taskCompletion",
            )
        )

    def _limit(self, task: TaskSpecification) -> None:
        task.display_name = "solver"
        task.environment["OMP_NUM_THREADS"] = "8"
        task.max_task_retry_count = 2
        task.max_wall_clock_time = task.retention_time = timedelta(hours=1)
        task.required_slots = 2
        skip = ExitOptions(dependency_action="satisfy", job_action="none")
        task.exit_conditions = ExitConditions(
            exit_codes=(ExitCodeMapping(code=3, exit_options=skip),),
            exit_code_ranges=(ExitCodeRangeMapping(start=10, end=19, exit_options=skip),),
            default=ExitOptions(dependency_action="block"),
        )
        task.container_settings = ContainerSettings(image_name="ubuntu:16.04")
        task.user_identity = UserIdentity(scope="task", elevation_level="admin")
        task.application_packages.append(ApplicationPackageReference(application_id="solver"))
        task.multi_instance_settings = MultiInstanceSettings(
            number_of_instances=2, coordination_command_line="/bin/sh -c :"
        )

    def _change_job(self) -> None:
        self.job.priority = 100
        self.job.environment["MODEL"] = "icon"
        self.job.job_preparation_task = JobPreparationTask(command_line="/bin/sh -c :")
        self.job.job_release_task = JobReleaseTask(command_line="/bin/sh -c :")
        self.job.auto_pool = AutoPoolSpecification(
            vm_size="Standard_HB120rs_v3",
            image=ImageReference(publisher="almalinux", offer="almalinux-hpc", sku="8_10-hpc-gen2"),
            node_agent_sku_id="batch.node.el 8",
            target_dedicated_nodes=2,
        )


class ManyJobManager(JobManager):
    def create_job(self) -> Iterator[TaskSpecification]:
        for steps in range(100_000):
            task = self.add_workload_task(SolveTask, {"case": "a", "steps": steps})
            task.required_slots = 2
            yield task


class SolveJobManagerBuilder(JobManagerBuilder):
    job_manager_type = SolveJobManager


class SolveWorkload(WorkloadBase):
    name = "solve"
    application_package = ApplicationPackageReference(application_id="solve", version="1.0.0")

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client=batch_client, job_manager_builder_type=SolveJobManagerBuilder)
        self._entry_points_repository.register_entry_point(SolveTask, SolveTaskBuilder)
        self._entry_points_repository.register_entry_point(PlotTask)
        self._entry_points_repository.register_finalize_task(MergeTask)
        self._entry_points_repository.register_finalize_task(PlainMergeTask, WorkloadTaskBuilder)


def main() -> None:
    setup_logging(Path(Path(__file__).parent, "logging.yaml"))
    client = BatchClientFactory.create(BatchClientSettings())
    Application(SolveWorkload(batch_client=client)).run()
