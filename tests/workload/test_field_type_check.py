"""Specifications whose fields have values of other types are refused, and the error names the field."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from batchmgr import (
    ContainerSettings,
    ExitConditions,
    InputFileSpecification,
    InvalidJobError,
    JobContext,
    JobManager,
    JobManagerBuilder,
    MultiInstanceSettings,
    OutputFileSpecification,
    TaskSpecification,
    WorkloadBase,
    WorkloadTask,
)
from batchmgr.workload.draft_from_workload import draft_from_workload


class CountTask(WorkloadTask):
    def run(self) -> None: ...


ANY: Any = InputFileSpecification
"""The class as an author without a type checker sees it."""

CASES: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "a number for a path": (
        lambda _, task: task.input_files.append(
            ANY(target_file_path="a", container_name="c", source_blob_path=3)
        ),
        "tasks[0].inputFiles[0].sourceBlobPath: must be of type str, not int: 3",
    ),
    "a path for a specification": (
        lambda _, task: task.input_files.append("a.txt"),
        "tasks[0].inputFiles[0]: must be of type InputFileSpecification, not str: 'a.txt'",
    ),
    "an output for an input": (
        lambda _, task: task.input_files.append(
            OutputFileSpecification(source_file_path="a", container_name="c", target_blob_path="a")
        ),
        "tasks[0].inputFiles[0]: must be of type InputFileSpecification, not OutputFileSpecification: "
        "OutputFileSpecification(source_file_path='a', container_name…",
    ),
    "an id for a task": (
        lambda _, task: task.depends_on.append("1"),
        "tasks[0].dependsOn[0]: must be of type TaskSpecification, not str: '1'",
    ),
    "a number in the environment": (
        lambda _, task: task.environment.update(OMP_NUM_THREADS=8),
        "tasks[0].environment.OMP_NUM_THREADS: must be of type str, not int: 8",
    ),
    "seconds for a time": (
        lambda _, task: setattr(task, "max_wall_clock_time", 60),
        "tasks[0].maxWallClockTime: must be of type timedelta, not int: 60",
    ),
    "a text for a number": (
        lambda _, task: setattr(task, "max_task_retry_count", "2"),
        "tasks[0].maxTaskRetryCount: must be of type int, not str: '2'",
    ),
    "an image for a container": (
        lambda _, task: setattr(task, "container_settings", "ubuntu:16.04"),
        "tasks[0].containerSettings: must be of type ContainerSettings, not str: 'ubuntu:16.04'",
    ),
    "nothing for a text": (
        lambda _, task: setattr(task, "display_name", None),
        "tasks[0].displayName: must be of type str, not NoneType: None",
    ),
    "a wrong value further in": (
        lambda _, task: setattr(task, "exit_conditions", ExitConditions(default=ANY(target_file_path="a"))),
        "tasks[0].exitConditions.default: must be of type ExitOptions, not InputFileSpecification: "
        "InputFileSpecification(target_file_path='a', container_name=…",
    ),
    "a text for the job's priority": (
        lambda manager, _: setattr(manager.job, "priority", "high"),
        "priority: must be of type int, not str: 'high'",
    ),
    "a text for the FinalizeTask's inputs": (
        lambda manager, _: setattr(manager.finalize_task, "inputs", "all"),
        "finalizeTask.inputs: must be of type dict[str, Any], not str: 'all'",
    ),
}


def draft(change: Callable[[JobManager, TaskSpecification], object]) -> object:
    class Manager(JobManager):
        def create_job(self) -> None:
            change(self, self.add_workload_task(CountTask, {"file": None}))

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    class CountWorkload(WorkloadBase):
        def __init__(self) -> None:
            super().__init__(job_manager_builder_type=Builder)
            self._entry_points_repository.register_entry_point(CountTask)

    return draft_from_workload(CountWorkload(), JobContext(job_id="count-001"))


@pytest.mark.parametrize("case", CASES)
def test_a_value_of_another_type_is_named_with_its_field(case: str) -> None:
    change, message = CASES[case]
    with pytest.raises(InvalidJobError) as raised:
        draft(change)
    assert str(raised.value) == message


def test_tuples_are_accepted_for_lists_and_optional_fields_may_be_left_out() -> None:
    def change(manager: Any, task: Any) -> None:
        task.input_files = (InputFileSpecification(target_file_path="a", http_url="https://example.com/a"),)
        task.max_wall_clock_time, task.retention_time = timedelta(hours=1), None
        task.container_settings = ContainerSettings(image_name="ubuntu:16.04")
        task.multi_instance_settings = MultiInstanceSettings(
            number_of_instances=2,
            coordination_command_line=":",
            common_input_files=[],  # type: ignore[arg-type]
        )

    draft(change)
