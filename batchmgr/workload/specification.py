"""What a workload author says about a task: its inputs, files, dependencies and limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from batchmgr.model.paths import check_input_file, check_output_file
from batchmgr.model.plan import InputFile, OutputFile

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""What a task's inputs may hold: whatever JSON can say."""


@dataclass(frozen=True, kw_only=True)
class InputFileSpecification:
    """A file that a task finds in its working directory when it starts.

    It comes from a blob, or from any URL that the node can read:

    >>> genome = InputFileSpecification(
    ...     container_name="genomes", source_blob_path="lambda.fa", target_file_path="genome.fa"
    ... )
    >>> mirror = InputFileSpecification(
    ...     http_url="https://example.com/lambda.fa", target_file_path="genome.fa"
    ... )

    A `source_blob_path` that ends with `/` stands for all blobs under that prefix: they keep their full names
    below the directory `target_file_path` ("" for the working directory), and no blob at all is no error.
    Without a `storage_account_name` the blob is in batchmgr's own storage account. `identity_reference` is
    the resource id of the managed identity that the node downloads with.
    """

    target_file_path: str
    container_name: str = ""
    source_blob_path: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""

    def to_input_file(self, *, field: str) -> InputFile:
        """The checked value for a plan. Raises `InvalidJobError` that names what is wrong below `field`."""
        file = InputFile(
            target_file_path=self.target_file_path,
            source_blob_path=self.source_blob_path,
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
            http_url=self.http_url,
        )
        check_input_file(file, field=field)
        return file


@dataclass(frozen=True, kw_only=True)
class OutputFileSpecification:
    """A file, or a pattern of files, that is kept as a blob when the task ends.

    >>> counts = OutputFileSpecification(
    ...     source_file_path="counts.tsv", container_name="job-kmers-001", target_blob_path="counts/0.tsv"
    ... )

    `source_file_path` is relative to the working directory; `../stdout.txt`, `../stderr.txt` and
    `../std*.txt` are the task's streams. With a wildcard in it, `target_blob_path` is the prefix that the
    files are kept under ("" for the container's root). With a `task_id`, `target_blob_path` is relative to
    that task's own folder: the blob is `<task_id>/<target_blob_path>`. `upload_condition` is `taskSuccess`,
    `taskFailure` or `taskCompletion` (both).
    """

    source_file_path: str
    container_name: str
    target_blob_path: str
    storage_account_name: str = ""
    task_id: str = ""
    identity_reference: str = ""
    upload_condition: str = "taskSuccess"

    def to_output_file(self, *, field: str) -> OutputFile:
        """The checked value for a plan. Raises `InvalidJobError` that names what is wrong below `field`."""
        file = OutputFile(
            source_file_path=self.source_file_path,
            target_blob_path="/".join(part for part in (self.task_id, self.target_blob_path) if part),
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
            upload_condition=self.upload_condition,
        )
        check_output_file(file, field=field)
        return file


@dataclass(kw_only=True, eq=False)
class TaskSpecification:
    """One task of a job, as `JobManager.add_workload_task` answers it: change what should differ.

    >>> task = TaskSpecification(id="1", task_type="CountTask", inputs={"window": 0})
    >>> task.max_task_retry_count = 2
    >>> task.input_files.append(InputFileSpecification(
    ...     container_name="genomes", source_blob_path="lambda.fa", target_file_path="genome.fa"
    ... ))

    `id` is given by the job manager: "1", "2", …; `task_type` is the name of the task's class. A retry count
    of -1 means without limit. `required_slots` is how many of a node's task slots the task takes.
    """

    id: str
    task_type: str
    inputs: dict[str, JSON] = field(default_factory=dict)
    depends_on: list["TaskSpecification"] = field(default_factory=list)
    display_name: str = ""
    input_files: list[InputFileSpecification] = field(default_factory=list)
    output_files: list[OutputFileSpecification] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    max_task_retry_count: int = 0
    max_wall_clock_time: timedelta | None = None
    required_slots: int = 1
