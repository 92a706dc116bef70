"""The files that a task is given and those it leaves: a workload author's words, and a plan's values."""

from __future__ import annotations

from batchmgr.plan.frozen_dataclass import frozen_dataclass

FINALIZE_CONTAINER = "batchmgr-finalize"
"""The container whose blobs, `{jobId}.json`, tell that a job has come to its end."""

JOBS_CONTAINER = "batchmgr-jobs"
"""The container of requests, with their secrets, and records."""

EVENTS_CONTAINER = "batchmgr-events"
"""The container of the jobs' event logs."""

OWN_CONTAINERS = frozenset({FINALIZE_CONTAINER, JOBS_CONTAINER, EVENTS_CONTAINER})
"""Containers that no task is let at: who can read or write them can act for every job."""

WILDCARDS = "*?["
"""What makes a `source_file_path` a pattern."""


@frozen_dataclass
class ContainerNeed:
    """A blob container that a job's tasks read or write, and as whom."""

    container_name: str
    storage_account_name: str = ""
    identity_reference: str = ""
    is_written: bool = False


@frozen_dataclass
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
    the resource id of the managed identity that the node downloads with. `file_mode` is the file's mode on a
    Linux node, in octal: "0770" unless it is given.
    """

    target_file_path: str
    container_name: str = ""
    source_blob_path: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""
    file_mode: str = ""

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


@frozen_dataclass
class OutputFileSpecification:
    """A file, or a pattern of files, that is kept as a blob when the task ends.

    >>> counts = OutputFileSpecification(
    ...     source_file_path="counts.tsv", container_name="job-kmers-001", target_blob_path="counts/0.tsv"
    ... )

    `source_file_path` is relative to the working directory; `../stdout.txt`, `../stderr.txt` and
    `../std*.txt` are the task's streams. With a wildcard in it, `target_blob_path` is the prefix that the
    files are kept under ("" for the container's root). With a `task_id`, `target_blob_path` is relative to
    that task's own folder: the blob is `<task_id>/<target_blob_path>`. `upload_condition` is `taskSuccess`,
    `taskFailure` or `taskCompletion` (both). `identity_reference` is the resource id of the managed identity
    that the node uploads with.
    """

    source_file_path: str
    container_name: str
    target_blob_path: str
    storage_account_name: str = ""
    task_id: str = ""
    identity_reference: str = ""
    upload_condition: str = "taskSuccess"

    @property
    def blob_path(self) -> str:
        """The blob's name, or the prefix of the names where this is a pattern."""
        return "/".join(part for part in (self.task_id, self.target_blob_path) if part)

    @property
    def is_pattern(self) -> bool:
        """Whether this stands for any number of files."""
        return any(wildcard in self.source_file_path for wildcard in WILDCARDS)

    @property
    def need(self) -> ContainerNeed:
        """The container this file goes to."""
        return ContainerNeed(
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
            is_written=True,
        )
