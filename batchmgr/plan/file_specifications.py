"""The input and output files of a task, and the blob containers that they are in."""

from __future__ import annotations

from functools import cached_property

from batchmgr.plan.frozen_dataclass import frozen_dataclass

FINALIZE_CONTAINER = "batchmgr-finalize"
"""The container of finalize blobs. The blob `{jobId}.json` says that the job's tasks have ended."""

JOBS_CONTAINER = "batchmgr-jobs"
"""The container of job requests, which hold secrets, and of job records."""

EVENTS_CONTAINER = "batchmgr-events"
"""The container of the jobs' event logs."""

REQUESTS_CONTAINER = "batchmgr-requests"
"""The container of job messages that callers upload because they are too large for HTTP or the queue."""

OWN_CONTAINERS = frozenset({FINALIZE_CONTAINER, JOBS_CONTAINER, EVENTS_CONTAINER, REQUESTS_CONTAINER})
"""The containers of batchmgr itself. No job may name them: `container_rules` says which others it may not."""

WILDCARDS = "*?["
"""The characters that make a `source_file_path` a pattern."""


@frozen_dataclass
class ContainerNeed:
    """A blob container that a job's tasks read or write, and the identity that they use.

    With `only_blob`, they need no more of it than the blob of that name. `is_dispensable`: they do their work
    without it as well.
    """

    container_name: str
    storage_account_name: str = ""
    identity_reference: str = ""
    is_written: bool = False
    only_blob: str = ""
    is_dispensable: bool = False


@frozen_dataclass
class InputFileSpecification:
    """A file that is downloaded to a task's working directory before the task starts.

    It is a blob, or any URL that the node can read:

    >>> genome = InputFileSpecification(
    ...     container_name="genomes", source_blob_path="lambda.fa", target_file_path="genome.fa"
    ... )
    >>> mirror = InputFileSpecification(
    ...     http_url="https://example.com/lambda.fa", target_file_path="genome.fa"
    ... )

    A `source_blob_path` that ends with `/` stands for all blobs under that prefix. They keep their full names
    below the directory `target_file_path` ("" for the working directory). It is no error if there are none.

    Without a `storage_account_name` the blob is in batchmgr's own storage account. `identity_reference` is
    the resource id of the managed identity with which the node downloads the file. `file_mode` is the file's
    mode on a Linux node, in octal; the default is "0770".
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
        """Return whether this stands for all blobs under a prefix."""
        return not self.http_url and self.source_blob_path.endswith("/")

    @cached_property
    def need(self) -> ContainerNeed:
        """The container that this file is read from."""
        return ContainerNeed(
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
        )


@frozen_dataclass
class OutputFileSpecification:
    """A file, or a pattern of files, that is uploaded to a blob when the task ends.

    >>> counts = OutputFileSpecification(
    ...     source_file_path="counts.tsv", container_name="job-kmers-001", target_blob_path="counts/0.tsv"
    ... )

    `source_file_path` is relative to the working directory. `../stdout.txt`, `../stderr.txt` and
    `../std*.txt` are the output streams of the task. If it contains a wildcard (`*`, `?` or `[`),
    `target_blob_path` is the prefix of the blobs' names ("" for the container's root). With a `task_id`, the
    blob's name is `<task_id>/<target_blob_path>`.

    `upload_condition` is `taskSuccess`, `taskFailure` or `taskCompletion` (both). `identity_reference` is the
    resource id of the managed identity with which the node uploads the file.
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
        """The name of the blob. For a pattern, the prefix of the blobs' names."""
        if not self.task_id:
            return self.target_blob_path
        return f"{self.task_id}/{self.target_blob_path}" if self.target_blob_path else self.task_id

    @property
    def is_pattern(self) -> bool:
        """Return whether this stands for any number of files."""
        return any(wildcard in self.source_file_path for wildcard in WILDCARDS)

    @cached_property
    def need(self) -> ContainerNeed:
        """The container that this file is written to."""
        return ContainerNeed(
            container_name=self.container_name,
            storage_account_name=self.storage_account_name,
            identity_reference=self.identity_reference,
            is_written=True,
            only_blob=self.blob_path if self.container_name == FINALIZE_CONTAINER else "",
        )
