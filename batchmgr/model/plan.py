"""What a job will be: tasks, files, limits. Pure values, made before anything runs.

Only the standard library is imported here: the programming model, which also runs on nodes, builds on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

FINALIZE_TASK_ID = "batchmgr-finalize"
"""Id of the FinalizeTask in every job. Ids that begin with `batchmgr-` are kept for batchmgr."""

FINALIZE_FILE = "batchmgr-finalize.json"
"""The file, in the FinalizeTask's working directory, that becomes the finalize blob."""

TASK_ERROR_FILE = "batchmgr-error.json"
"""The file, in a task's working directory, that describes the exception that ended the task."""

INPUTS_VARIABLE = "BATCHMGR_TASK_INPUTS"
"""Environment variable that carries a task's inputs, as JSON, to the node."""

FINALIZE_VARIABLE = "BATCHMGR_FINALIZE"
"""Environment variable that carries the finalize message, as JSON, to the FinalizeTask."""


FINALIZE_CONTAINER = "batchmgr-finalize"
"""The container whose blobs, `{jobId}.json`, tell that a job has come to its end."""


@dataclass(frozen=True, kw_only=True)
class ContainerNeed:
    """A blob container that a job's tasks read or write, and as whom."""

    container_name: str
    storage_account_name: str = ""
    identity_reference: str = ""
    is_written: bool = False


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file that Batch downloads to the node before the task starts.

    Either `http_url` (any URL the node can read), or a blob: `container_name` and `source_blob_path`. A
    `source_blob_path` that ends with `/` means all blobs under that prefix; they keep their full names, and
    `target_file_path` is the directory they are put in.
    """

    target_file_path: str
    source_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""

    @property
    def is_prefix(self) -> bool:
        """Whether this stands for all blobs under a prefix."""
        return not self.http_url and self.source_blob_path.endswith("/")

    @property
    def need(self) -> ContainerNeed:
        """The container this file comes from."""
        return ContainerNeed(
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
        )


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """A file, or a pattern of files, that Batch uploads from the node after the task.

    `source_file_path` is relative to the task's working directory and may hold wildcards; without one,
    `target_blob_path` is the blob's name, with one it is the prefix under which the files are kept.
    `upload_condition` is Azure Batch's: `taskSuccess`, `taskFailure` or `taskCompletion`.
    """

    source_file_path: str
    target_blob_path: str
    container_name: str
    storage_account_name: str = ""
    identity_reference: str = ""
    upload_condition: str = "taskSuccess"

    @property
    def need(self) -> ContainerNeed:
        """The container this file goes to."""
        return ContainerNeed(
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
            is_written=True,
        )


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """One Batch task to be. `command_line` is run without a shell, as Azure Batch does."""

    id: str
    command_line: str
    display_name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    input_files: tuple[InputFile, ...] = ()
    output_files: tuple[OutputFile, ...] = ()
    depends_on: tuple[str, ...] = ()
    max_task_retry_count: int = 0
    max_wall_clock_time: timedelta | None = None
    required_slots: int = 1
    is_leaf: bool = True
    """No other workload task waits for this one: the FinalizeTask does, whatever its outcome."""

    @property
    def result_files(self) -> tuple[OutputFile, ...]:
        """The output files that are there, under a known name, when the task has succeeded."""
        return tuple(
            file
            for file in self.output_files
            if file.container_name != FINALIZE_CONTAINER
            and file.upload_condition != "taskFailure"
            and not any(wildcard in file.source_file_path for wildcard in "*?[")
        )


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A whole job to be: its tasks, and the FinalizeTask that runs after all of them."""

    job_id: str
    pool_id: str
    tasks: tuple[TaskPlan, ...]
    finalize_task: TaskPlan
    max_wall_clock_time: timedelta | None = None

    @property
    def all_tasks(self) -> tuple[TaskPlan, ...]:
        """The workload's tasks, and the FinalizeTask last."""
        return (*self.tasks, self.finalize_task)

    @property
    def container_needs(self) -> frozenset[ContainerNeed]:
        """Every container that a task of this job reads or writes."""
        read = (file.need for task in self.all_tasks for file in task.input_files if not file.http_url)
        written = (file.need for task in self.all_tasks for file in task.output_files)
        return frozenset((*read, *written))
