"""A task as job messages describe it, without any Python. JSON, camelCase; names are Azure Batch's.

Each struct has the fields of the value of the same name in `model/`, which it is converted to by name.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

PosInt = Annotated[int, msgspec.Meta(ge=1)]
RetryCount = Annotated[int, msgspec.Meta(ge=-1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
DependencyAction = Literal["", "satisfy", "block"]
JobAction = Literal["none", "disable", "terminate"]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """What all parts of a message have in common: strict, in camelCase, and written without its defaults."""


class InputFileMessage(Message, frozen=True):
    """A file to download to the node: a blob, all blobs under a prefix that ends with `/`, or a URL.

    Blobs come from the job's own container where none is named.
    """

    target_file_path: str = ""
    source_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""
    file_mode: str = ""


class OutputFileMessage(Message, frozen=True):
    """A file or pattern to upload from the node; to the job's own container where none is named."""

    source_file_path: Text
    target_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    task_id: str = ""
    identity_reference: str = ""
    upload_condition: Literal["taskSuccess", "taskFailure", "taskCompletion"] = "taskSuccess"


class ContainerSettingsMessage(Message, frozen=True):
    """The container a task runs in."""

    image_name: Text
    container_run_options: str = ""
    working_directory: Literal["", "taskWorkingDirectory", "containerImageDefault"] = ""
    registry_server: str = ""
    registry_identity_reference: str = ""


class UserIdentityMessage(Message, frozen=True):
    """Who a task runs as."""

    user_name: str = ""
    scope: Literal["", "task", "pool"] = ""
    elevation_level: Literal["", "nonAdmin", "admin"] = ""


class ApplicationPackageMessage(Message, frozen=True):
    """An application package to install on the node."""

    application_id: Text
    version: str = ""


class MultiInstanceSettingsMessage(Message, frozen=True):
    """One task over several nodes."""

    number_of_instances: PosInt
    coordination_command_line: Text
    common_input_files: tuple[InputFileMessage, ...] = ()


class ExitOptionsMessage(Message, frozen=True):
    """What follows from an exit."""

    job_action: JobAction = "none"
    dependency_action: DependencyAction = ""


class ExitCodeMessage(Message, frozen=True):
    """What follows from one exit code."""

    code: int
    exit_options: ExitOptionsMessage


class ExitCodeRangeMessage(Message, frozen=True):
    """What follows from a range of exit codes."""

    start: int
    end: int
    exit_options: ExitOptionsMessage


class ExitConditionsMessage(Message, frozen=True):
    """What follows from each way to end."""

    exit_codes: tuple[ExitCodeMessage, ...] = ()
    exit_code_ranges: tuple[ExitCodeRangeMessage, ...] = ()
    pre_processing_error: ExitOptionsMessage | None = None
    file_upload_error: ExitOptionsMessage | None = None
    default: ExitOptionsMessage | None = None


class TaskTemplate(Message, frozen=True):
    """A task but for its id and what it waits for."""

    command_line: Text
    display_name: str = ""
    environment: dict[str, str] = {}
    input_files: tuple[InputFileMessage, ...] = ()
    output_files: tuple[OutputFileMessage, ...] = ()
    max_task_retry_count: RetryCount = 0
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    required_slots: PosInt = 1
    exit_conditions: ExitConditionsMessage | None = None
    container_settings: ContainerSettingsMessage | None = None
    user_identity: UserIdentityMessage | None = None
    application_packages: tuple[ApplicationPackageMessage, ...] = ()
    multi_instance_settings: MultiInstanceSettingsMessage | None = None

    def as_task(self, task_id: str, depends_on: tuple[str, ...] = ()) -> "TaskMessage":
        """The task that this is, under an id."""
        fields = {name: getattr(self, name) for name in TaskTemplate.__struct_fields__}
        return TaskMessage(id=task_id, depends_on=depends_on, **fields)


class TaskMessage(TaskTemplate, frozen=True, kw_only=True):
    """One task, described without any Python."""

    id: str
    depends_on: tuple[str, ...] = ()


class JobTasks(Message, frozen=True):
    """The tasks of a job that are found out while it is under way: by its job manager task, or from blobs."""

    tasks: tuple[TaskMessage, ...]
    finalize_task: TaskMessage | None = None
