"""The plan of a job: its tasks, their files and limits. It is made before anything runs or is sent.

Nodes import this module, so it imports only the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from itertools import chain

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
"""The id of the FinalizeTask in every job."""

HOLD_TASK_ID = "batchmgr-hold"
"""The id of a task that never runs: it keeps the Batch job open while the FinalizeTask is added again."""

RESERVED_PREFIX = "batchmgr-"
"""Task ids with this prefix are reserved for batchmgr."""

FINALIZE_FILE = "batchmgr-finalize.json"
"""The file, in the FinalizeTask's working directory, that becomes the finalize blob."""

TASK_ERROR_FILE = "batchmgr-error.json"
"""The file, in a task's working directory, with the error report of the exception that ended the task."""

OUTPUTS_FILE = "outputs.json"
"""The file, in a task's working directory, that becomes the task's result if the task uploads it to the job's
own container. The Custom activity of Azure Data Factory reads a file of this name.
"""

INPUTS_VARIABLE = "BATCHMGR_TASK_INPUTS"
"""Environment variable of a task: its inputs, as JSON."""

FINALIZE_VARIABLE = "BATCHMGR_FINALIZE"
"""Environment variable of the FinalizeTask: the finalize message, as JSON."""

JOB_VARIABLE = "BATCHMGR_JOB"
"""Environment variable of a job manager task: the job's id and inputs, as JSON."""

JOB_MANAGER_TASK_ID = "batchmgr-job-manager"
"""The id of the job manager task of a job that is planned on a node."""

PLANNED_TASKS_FILE = "batchmgr-tasks.json"
"""The file, in the job manager task's working directory, that lists the job's tasks."""

MAX_PLANNED_BYTES = 64 * 1024 * 1024
"""How large that file may be: 100,000 tasks of 600 bytes."""

REPORTS_FOLDER = "batchmgr-reports"
"""The folder of progress reports in the job's container: `batchmgr-reports/<task id>.json`."""

REPORTS_URL_VARIABLE = "BATCHMGR_REPORTS_URL"
"""Environment variable of a job's tasks: the URL of that folder, signed unless an identity is used."""

REPORTS_IDENTITY_VARIABLE = "BATCHMGR_REPORTS_IDENTITY"
"""Environment variable of a job's tasks: the resource id of the managed identity with which they report."""

TRACE_VARIABLE = "TRACEPARENT"
"""Environment variable of a job's tasks: the W3C trace context of the job, if it has one."""

MANIFEST_BLOB = "batchmgr-manifest.json"
"""The blob, in the job's container, from which the FinalizeTask reads how the other tasks ended."""

OUTCOME_BLOB = "batchmgr-outcome.json"
"""The blob, in the job's container, with the whole outcome of a job, if it does not fit into the callback."""

KEPT_FOLDER = "batchmgr-tasks"
"""The folder, in the job's container, of what is kept of tasks: `batchmgr-tasks/<task id>/stderr.txt`.

The id is in lower case: blobs are found by their exact names, and tasks without regard to case.
"""

KEPT_FILES = ("stdout.txt", "stderr.txt")
"""The files of a task that are kept."""

MANIFEST_URL_VARIABLE = "BATCHMGR_MANIFEST_URL"
"""Environment variable of a FinalizeTask: the URL of the manifest, signed unless an identity is used."""


@frozen_dataclass
class TaskPlan:
    """The plan of one Batch task. Azure Batch runs its `command_line` without a shell."""

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
    """The container of the manifest, if the task is a FinalizeTask that may read it."""

    is_leaf: bool = True
    """Whether only the FinalizeTask waits for this task, and no other task of the workload."""

    @property
    def needs(self) -> tuple[ContainerNeed, ...]:
        """The containers that this task reads or writes."""
        common = self.multi_instance_settings.common_input_files if self.multi_instance_settings else ()
        return (
            *(file.need for file in (*self.input_files, *common) if not file.http_url),
            *(file.need for file in self.output_files),
            *((self.manifest_need,) if self.manifest_need else ()),
        )

    @property
    def files(self) -> Mapping[str, Sequence[InputFileSpecification | OutputFileSpecification]]:
        """The files of this task, by the fields of a message that name them."""
        found: dict[str, Sequence[InputFileSpecification | OutputFileSpecification]] = {
            "inputFiles": self.input_files,
            "outputFiles": self.output_files,
        }
        if self.multi_instance_settings is not None:
            found["multiInstanceSettings.commonInputFiles"] = self.multi_instance_settings.common_input_files
        return found

    @property
    def number_of_instances(self) -> int:
        """The number of nodes that the task runs on at the same time."""
        settings = self.multi_instance_settings
        return settings.number_of_instances if settings is not None else 1

    @property
    def result_files(self) -> tuple[OutputFileSpecification, ...]:
        """The output files that are results: all but the finalize blob, and but those of a failure."""
        return tuple(
            file
            for file in self.output_files
            if file.container_name != FINALIZE_CONTAINER and file.upload_condition != "taskFailure"
        )

    def blocks_after_failure(self, exit_code: int | None) -> bool:
        """Return whether tasks that wait for this one never start after it failed with this exit code."""
        if self.is_leaf:
            return False
        conditions = self.exit_conditions or ExitConditions()
        return conditions.options_for(exit_code).dependency_action != "satisfy"


@frozen_dataclass
class JobDraft:
    """A job as a workload, a message or a job manager task describes it, without its FinalizeTask's details.

    `complete_draft` in `plan/finalize_task.py` turns it into a `JobPlan`.
    """

    job: JobSpecification
    tasks: Sequence[TaskPlan]
    finalize_task: TaskPlan
    examples: tuple[TaskPlan, ...] = ()
    """A few tasks that stand for all: what they keep to, every task does. They belong to tasks that are made
    one by one, and whose leaves are marked. Without examples, each task stands for itself."""

    leaves: tuple[str, ...] = ()
    """The ids of the leaves, if there are examples."""

    job_manager_task: TaskPlan | None = None
    """The task that plans the job on a node. There are no other tasks before it has ended."""

    can_report: bool = False
    """Whether tasks may report progress and results."""

    asks_for_manifest: bool = False
    """Whether the FinalizeTask may read how the other tasks ended."""

    has_own_finalize: bool = False
    """Whether the FinalizeTask does work of the author's, besides writing the finalize blob."""


@frozen_dataclass
class JobPlan:
    """The plan of a whole job: its settings, its tasks, and the FinalizeTask that runs after all of them."""

    job_id: str
    job: JobSpecification
    tasks: Sequence[TaskPlan]
    """In the order in which they are added. They may be made one by one: read them once, from the start."""

    finalize_task: TaskPlan
    examples: tuple[TaskPlan, ...] = ()
    """See `JobDraft.examples`."""

    gathering_tasks: tuple[TaskPlan, ...] = ()
    """Tasks that only wait for others, if there are too many tasks for the FinalizeTask to wait for."""

    job_manager_task: TaskPlan | None = None
    can_report: bool = False
    has_own_finalize: bool = False
    traceparent: str = ""
    """The W3C trace context that tasks find in their environment, or nothing."""

    files_of: str = ""
    """The job whose container the tasks' files are in, if that is not this one: the first job of a rerun."""

    keep_streams: str = ""
    """After which end of a task its stdout and stderr are kept: `taskFailure`, `taskCompletion` or none."""

    completes: str = ""
    """The job before, whose other tasks have succeeded, if this one is a rerun of the rest."""

    @property
    def files_job_id(self) -> str:
        """The job whose container the tasks' files are in."""
        return self.files_of or self.job_id

    @property
    def total(self) -> int:
        """The number of tasks that Azure Batch will count for the job."""
        return len(self.tasks) + len(self.gathering_tasks) + 1 + (self.job_manager_task is not None)

    @property
    def stand_ins(self) -> Sequence[TaskPlan]:
        """Tasks that stand for all own tasks: what they keep to, every task does."""
        return self.examples or self.tasks

    @property
    def max_slots(self) -> int:
        """The most task slots of one node that a task needs."""
        return max(task.required_slots for task in (*self.stand_ins, self.finalize_task))

    @property
    def max_instances(self) -> int:
        """The most nodes that a task needs at the same time."""
        return max(task.number_of_instances for task in (*self.stand_ins, self.finalize_task))

    @property
    def has_chains(self) -> bool:
        """Return whether an own task waits for another: only for the last ones, batchmgr's own tasks wait."""
        own = {task.id for task in self.gathering_tasks}
        last = self.gathering_tasks or (self.finalize_task,)
        return sum(parent not in own for task in last for parent in task.depends_on) < len(self.tasks)

    @property
    def awaits_tasks(self) -> bool:
        """Return whether the job manager task has not planned the job's tasks yet."""
        return self.job_manager_task is not None and not self.tasks

    @property
    def has_job_actions(self) -> bool:
        """Return whether the end of a task may terminate or disable the job.

        Azure Batch has to know this when the job is created.
        """
        return self.job_manager_task is not None or any(
            options.job_action != NO_ACTION
            for task in self.stand_ins
            if task.exit_conditions is not None
            for options in task.exit_conditions.all_options
        )

    @property
    def reports_need(self) -> ContainerNeed | None:
        """The container that tasks write their reports to, or None if they write none."""
        if not self.can_report:
            return None
        return ContainerNeed(container_name=job_container(self.job_id), is_written=True)

    @property
    def kept_need(self) -> ContainerNeed | None:
        """The container in which stdout and stderr are kept, or None if they are not."""
        if not self.keep_streams:
            return None
        name = job_container(self.job_id)
        return ContainerNeed(container_name=name, is_written=True, is_dispensable=True)

    @property
    def all_tasks(self) -> Iterator[TaskPlan]:
        """All tasks but the job manager task, in this order: own tasks, gathering tasks, the FinalizeTask."""
        return chain(self.tasks, self.gathering_tasks, (self.finalize_task,))

    @property
    def tasks_with_results(self) -> Sequence[TaskPlan]:
        """The own tasks, if any of them leaves result files; else none, so that nobody looks through all."""
        return self.tasks if any(task.result_files for task in self.stand_ins) else ()

    @property
    def outputs_files(self) -> Iterator[tuple[TaskPlan, OutputFileSpecification]]:
        """The files that become results, each with its task: every `outputs.json` in the job's container."""
        has_any = any(file for task in self.stand_ins for file in outputs_of(self.files_job_id, task))
        tasks = self.tasks if has_any else ()
        return ((task, file) for task in tasks for file in outputs_of(self.files_job_id, task))

    @property
    def container_needs(self) -> frozenset[ContainerNeed]:
        """All containers that a task of this job reads or writes."""
        nodes = (self.job.job_preparation_task, self.job.job_release_task)
        read = (file.need for task in nodes if task for file in task.input_files if not file.http_url)
        manager = (self.job_manager_task,) if self.job_manager_task else ()
        tasks = (*self.stand_ins, *self.gathering_tasks, self.finalize_task, *manager)
        own = (need for need in (self.reports_need, self.kept_need) if need)
        return frozenset((*read, *own, *(need for task in tasks for need in task.needs)))


def kept_blob(task_id: str, path: str) -> str:
    """Return the name of the blob that is kept of a task's file, in the job's container.

    >>> kept_blob("Count-1", "stderr.txt")
    'batchmgr-tasks/count-1/stderr.txt'
    """
    return f"{KEPT_FOLDER}/{task_id.lower()}/{path}"


def outputs_of(job_id: str, task: TaskPlan) -> Iterator[OutputFileSpecification]:
    """Yield the files of a task that become its result: every `outputs.json` in the job's own container."""
    own = None
    for file in task.result_files:
        if file.source_file_path == OUTPUTS_FILE and not file.storage_account_name:
            own = own or job_container(job_id)
            if file.container_name == own:
                yield file
