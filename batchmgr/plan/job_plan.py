"""What a job will be: tasks, files, limits. Pure values, made before anything runs.

Only the standard library is imported here: the programming model, which also runs on nodes, builds on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta

from batchmgr.plan.file_specifications import (
    FINALIZE_CONTAINER,
    ContainerNeed,
    InputFileSpecification,
    OutputFileSpecification,
)
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.plan.task_options import (
    NO_ACTION,
    ApplicationPackageReference,
    ContainerSettings,
    ExitConditions,
    MultiInstanceSettings,
    UserIdentity,
)

FINALIZE_TASK_ID = "batchmgr-finalize"
"""Id of the FinalizeTask in every job. Ids that begin with `batchmgr-` are kept for batchmgr."""

RESERVED_PREFIX = "batchmgr-"
"""Ids that begin so are batchmgr's own."""

FINALIZE_FILE = "batchmgr-finalize.json"
"""The file, in the FinalizeTask's working directory, that becomes the finalize blob."""

TASK_ERROR_FILE = "batchmgr-error.json"
"""The file, in a task's working directory, that describes the exception that ended the task."""

INPUTS_VARIABLE = "BATCHMGR_TASK_INPUTS"
"""Environment variable that carries a task's inputs, as JSON, to the node."""

FINALIZE_VARIABLE = "BATCHMGR_FINALIZE"
"""Environment variable that carries the finalize message, as JSON, to the FinalizeTask."""

JOB_VARIABLE = "BATCHMGR_JOB"
"""Environment variable that carries a job's id and inputs, as JSON, to its job manager task."""

JOB_MANAGER_TASK_ID = "batchmgr-job-manager"
"""Id of the job manager task of a job that is planned on a node."""

PLANNED_TASKS_FILE = "batchmgr-tasks.json"
"""The file, in the job manager task's working directory, that says what the job's tasks are."""

REPORTS_FOLDER = "batchmgr-reports"
"""Where tasks report, in the job's container: `batchmgr-reports/<task id>.json`."""

REPORTS_URL_VARIABLE = "BATCHMGR_REPORTS_URL"
"""Environment variable of a job's tasks: the URL of the folder, signed unless an identity is used."""

REPORTS_IDENTITY_VARIABLE = "BATCHMGR_REPORTS_IDENTITY"
"""Environment variable of a job's tasks: the resource id of the managed identity to write with."""

MANIFEST_BLOB = "batchmgr-manifest.json"
"""The blob, in the job's container, that tells the FinalizeTask how the other tasks ended."""

MANIFEST_URL_VARIABLE = "BATCHMGR_MANIFEST_URL"
"""Environment variable of a FinalizeTask: where the manifest is, signed unless an identity is used."""


@frozen_dataclass
class TaskPlan:
    """One Batch task to be. `command_line` is run without a shell, as Azure Batch does."""

    id: str
    command_line: str
    display_name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    input_files: tuple[InputFileSpecification, ...] = ()
    output_files: tuple[OutputFileSpecification, ...] = ()
    depends_on: tuple[str, ...] = ()
    max_task_retry_count: int = 0
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    required_slots: int = 1
    exit_conditions: ExitConditions | None = None
    container_settings: ContainerSettings | None = None
    user_identity: UserIdentity | None = None
    application_packages: tuple[ApplicationPackageReference, ...] = ()
    multi_instance_settings: MultiInstanceSettings | None = None
    manifest_need: ContainerNeed | None = None
    """Where the task is told how the others ended, if it is a FinalizeTask that may ask."""

    is_leaf: bool = True
    """No other workload task waits for this one: the FinalizeTask does, whatever its outcome."""

    @property
    def needs(self) -> tuple[ContainerNeed, ...]:
        """The containers that this task reads and writes."""
        common = self.multi_instance_settings.common_input_files if self.multi_instance_settings else ()
        return (
            *(file.need for file in (*self.input_files, *common) if not file.http_url),
            *(file.need for file in self.output_files),
            *((self.manifest_need,) if self.manifest_need else ()),
        )

    @property
    def result_files(self) -> tuple[OutputFileSpecification, ...]:
        """The output files that are there, under a known name, when the task has succeeded."""
        return tuple(
            file
            for file in self.output_files
            if file.container_name != FINALIZE_CONTAINER
            and file.upload_condition != "taskFailure"
            and not file.is_pattern
        )

    def blocks_after_failure(self, exit_code: int | None) -> bool:
        """Whether tasks that wait for this one never start when it has failed so."""
        if self.is_leaf:
            return False
        conditions = self.exit_conditions or ExitConditions()
        return conditions.options_for(exit_code).dependency_action != "satisfy"


@frozen_dataclass
class JobDraft:
    """What a workload, a message or a job manager task on a node says a job is, before it is completed."""

    job: JobSpecification
    tasks: tuple[TaskPlan, ...]
    finalize_task: TaskPlan
    job_manager_task: TaskPlan | None = None
    """What decides on the tasks, on a node; there are none before it has."""

    can_report: bool = False
    """Whether tasks tell of their progress and results."""

    asks_for_manifest: bool = False
    """Whether the FinalizeTask may ask how the other tasks ended."""


@frozen_dataclass
class JobPlan:
    """A whole job to be: what it says as a whole, its tasks, and the FinalizeTask after all of them."""

    job_id: str
    job: JobSpecification
    tasks: tuple[TaskPlan, ...]
    finalize_task: TaskPlan
    gathering_tasks: tuple[TaskPlan, ...] = ()
    """Tasks that only wait, where the FinalizeTask cannot wait for all tasks by itself."""

    job_manager_task: TaskPlan | None = None
    can_report: bool = False

    @property
    def total(self) -> int:
        """How many tasks Azure Batch will count."""
        return len(self.tasks) + len(self.gathering_tasks) + 1 + (self.job_manager_task is not None)

    @property
    def awaits_tasks(self) -> bool:
        """Whether the job manager task has yet to say what the tasks are."""
        return self.job_manager_task is not None and not self.tasks

    @property
    def has_job_actions(self) -> bool:
        """Whether the end of a task may end or stop the job: Azure Batch must be told from the start."""
        return self.job_manager_task is not None or any(
            options.job_action != NO_ACTION
            for task in self.tasks
            if task.exit_conditions is not None
            for options in task.exit_conditions.all_options
        )

    @property
    def reports_need(self) -> ContainerNeed | None:
        """The container that tasks report to."""
        if not self.can_report:
            return None
        return ContainerNeed(container_name=job_container(self.job_id), is_written=True)

    @property
    def all_tasks(self) -> tuple[TaskPlan, ...]:
        """Every task, each after those it waits for if they are batchmgr's own; the FinalizeTask last."""
        return (*self.tasks, *self.gathering_tasks, self.finalize_task)

    @property
    def container_needs(self) -> frozenset[ContainerNeed]:
        """Every container that a task of this job reads or writes."""
        nodes = (self.job.job_preparation_task, self.job.job_release_task)
        read = (file.need for task in nodes if task for file in task.input_files if not file.http_url)
        tasks = (*self.all_tasks, *((self.job_manager_task,) if self.job_manager_task else ()))
        reports = (self.reports_need,) if self.reports_need else ()
        return frozenset((*read, *reports, *(need for task in tasks for need in task.needs)))
