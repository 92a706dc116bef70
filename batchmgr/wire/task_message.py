"""Tasks as a message describes them, without any Python: what they run, their files, their limits."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

PosInt = Annotated[int, msgspec.Meta(ge=1)]
RetryCount = Annotated[int, msgspec.Meta(ge=-1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class InputFileMessage(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A file to download to the node: a blob, all blobs under a prefix that ends with `/`, or a URL.

    Blobs come from the job's own container where none is named.
    """

    target_file_path: str = ""
    source_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""


class OutputFileMessage(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A file or pattern to upload from the node; to the job's own container where none is named."""

    source_file_path: Text
    target_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    upload_condition: Literal["taskSuccess", "taskFailure", "taskCompletion"] = "taskSuccess"


class TaskTemplate(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A task but for its id and what it waits for."""

    command_line: Text
    display_name: str = ""
    environment: dict[str, str] = {}
    input_files: tuple[InputFileMessage, ...] = ()
    output_files: tuple[OutputFileMessage, ...] = ()
    max_task_retry_count: RetryCount = 0
    max_wall_clock_time: timedelta | None = None
    required_slots: PosInt = 1

    def as_task(self, task_id: str, depends_on: tuple[str, ...] = ()) -> "TaskMessage":
        """The task that this is, under an id."""
        fields = {name: getattr(self, name) for name in TaskTemplate.__struct_fields__}
        return TaskMessage(id=task_id, depends_on=depends_on, **fields)


class TaskMessage(TaskTemplate, frozen=True, kw_only=True):
    """One task, described without any Python."""

    id: str
    depends_on: tuple[str, ...] = ()


class TaskListMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The tasks of a job by themselves, as they are kept beside its request."""

    tasks: tuple[TaskMessage, ...]
