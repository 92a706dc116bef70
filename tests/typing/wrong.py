# pyright: strict
"""Mistakes of workload authors: type checkers find one in each marked line, and in no other line."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from batchmgr import (
    Application,
    BatchClientFactory,
    ContainerSettings,
    ExitCodeMapping,
    ExitConditions,
    ExitOptions,
    FinalizeTask,
    InputFileSpecification,
    JobManager,
    JobManagerBuilder,
    JobSpecification,
    OutputFileSpecification,
    WorkloadBase,
    WorkloadTask,
    WorkloadTaskBuilder,
)


class SolveInputs(TypedDict):
    case: str
    steps: int


class SolveTask(WorkloadTask[SolveInputs]):
    def run(self) -> None:
        self.inputs["cases"]  # wrong: misspelt key
        self.inputs["steps"].upper()  # wrong: a number has no upper
        self.context.job_id = "other"  # wrong: frozen
        self.context.directory  # wrong: no such attribute
        self.report_progress("half")  # wrong: a fraction is a number
        self.report_progress(0.5, 7)  # wrong: a message is a text
        self.publish_result(["done"])  # wrong: no mapping
        self.publish_result(3)  # wrong: no mapping


class MergeTask(FinalizeTask):
    def run(self) -> None:
        for task in self.manifest.tasks:
            task.exitcode  # wrong: misspelt
            task.exit_code + 1  # wrong: may be None
            task.outputs[0].blob  # wrong: no such attribute
            task.state = "completed"  # wrong: frozen
        self.manifest.failed  # wrong: no such attribute


class PlainTask(WorkloadTask):
    def run(self) -> None: ...


class SolveJobManager(JobManager):
    def create_job(self) -> None:
        self.add_workload_task(SolveTask, {"case": "wing"})  # wrong: key is missing
        self.add_workload_task(SolveTask, {"case": "wing", "steps": "3"})  # wrong: type of a value
        self.add_workload_task(SolveTask, {"case": "wing", "steps": 3, "mesh": 1})  # wrong: unknown key
        self.add_workload_task(SolveTask, "wing")  # wrong: no mapping
        self.add_workload_task("SolveTask", {"case": "wing", "steps": 3})  # wrong: a name for a type
        self.add_workload_task(WorkloadBase, {})  # wrong: no task type
        first = self.add_workload_task(SolveTask, {"case": "wing", "steps": 3}, [])
        self.add_workload_task(SolveTask, {"case": "tail", "steps": 3}, ["1"])  # wrong: ids for tasks
        self.add_workload_task(SolveTask, {"case": "tail", "steps": 3}, [first.id])  # wrong: ids for tasks
        self.add_workload_task(SolveTask, {"case": "tail", "steps": 3}, first)  # wrong: no sequence
        self.add_workload_task(PlainTask, {}, after=[first])  # wrong: misspelt option
        self.add_command_task(["solver", "--fast"])  # wrong: a list for a command line
        first.max_retry_count = 2  # wrong: misspelt option
        first.max_task_retry_count = "2"  # wrong: a text for a number
        first.max_wall_clock_time = 3600  # wrong: a number for a time
        first.environment["OMP_NUM_THREADS"] = 8  # wrong: a number for a text
        first.input_files.append("mesh.msh")  # wrong: no specification
        first.input_files.append(OUTPUT)  # wrong: an output for an input
        first.exit_conditions = ExitOptions()  # wrong: options for conditions
        first.container_settings = "ubuntu:16.04"  # wrong: an image for settings
        self.job.prioritiy = 5  # wrong: misspelt option
        self.job.max_wall_clock_time = timedelta(hours=1)
        self.context.job_id = "other"  # wrong: frozen


OUTPUT = OutputFileSpecification(source_file_path="a", container_name="c", target_blob_path="a")
OUTPUT.task_id = "1"  # wrong: frozen
OutputFileSpecification(source_file_path="a", container_name="c")  # wrong: no target
OutputFileSpecification("a", "c", "b")  # wrong: not by name
InputFileSpecification(target_path="a", container_name="c", source_blob_path="b")  # wrong: misspelt field
InputFileSpecification(target_file_path=b"a")  # wrong: bytes for a text
ContainerSettings(image="ubuntu:16.04")  # wrong: misspelt field
ExitCodeMapping(code=3)  # wrong: no options
ExitConditions(exit_codes=ExitCodeMapping(code=3, exit_options=ExitOptions()))  # wrong: no tuple
JobSpecification(pool="hpc")  # wrong: misspelt field


class SolveJobManagerBuilder(JobManagerBuilder):
    job_manager_type = SolveTask  # wrong: no job manager


class SolveWorkload(WorkloadBase):
    application_package = "solve"  # wrong: a name for a reference

    def __init__(self) -> None:
        super().__init__(job_manager_builder_type=SolveJobManager)  # wrong: no builder type
        super().__init__(job_manager_builder_type=SolveJobManagerBuilder())  # wrong: a builder for its type
        repository = self._entry_points_repository
        repository.register_entry_point(SolveTask, SolveJobManagerBuilder)  # wrong: builder of another kind
        repository.register_entry_point(SolveTask, WorkloadTaskBuilder)
        repository.register_entry_point("SolveTask")  # wrong: a name for a type
        repository.register_finalize_task(SolveTask)  # wrong: no FinalizeTask


Application(SolveWorkload)  # wrong: a type for a workload
BatchClientFactory.create("https://hpc.westeurope.batch.azure.com")  # wrong: no settings
