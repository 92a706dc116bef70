"""The tasks of a job message, described in JSON alone. Names are camelCase and those of Azure Batch.

Each struct has the same fields as its value in `plan/`, and is converted to it by the names of the fields.
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
    """The base of all parts of a message: unknown fields are rejected, default values are not written."""


class InputFileMessage(Message, frozen=True):
    """A file to download to the node: a blob, all blobs under a prefix that ends with `/`, or a URL.

    If no container is named, the blobs come from the job's own container.
    """

    target_file_path: str = ""
    source_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""
    http_url: str = ""
    file_mode: str = ""


class OutputFileMessage(Message, frozen=True):
    """A file, or a pattern of files, to upload from the node. The default container is the job's own."""

    source_file_path: Text
    target_blob_path: str = ""
    container_name: str = ""
    storage_account_name: str = ""
    task_id: str = ""
    identity_reference: str = ""
    upload_condition: Literal["taskSuccess", "taskFailure", "taskCompletion"] = "taskSuccess"


class ContainerSettingsMessage(Message, frozen=True):
    """The container that a task runs in."""

    image_name: Text
    container_run_options: str = ""
    working_directory: Literal["", "taskWorkingDirectory", "containerImageDefault"] = ""
    registry_server: str = ""
    registry_identity_reference: str = ""


class UserIdentityMessage(Message, frozen=True):
    """The user that a task runs as."""

    user_name: str = ""
    scope: Literal["", "task", "pool"] = ""
    elevation_level: Literal["", "nonAdmin", "admin"] = ""


class ApplicationPackageMessage(Message, frozen=True):
    """An application package to install on the node."""

    application_id: Text
    version: str = ""


class MultiInstanceSettingsMessage(Message, frozen=True):
    """How to run one task on several nodes."""

    number_of_instances: PosInt
    coordination_command_line: Text
    common_input_files: tuple[InputFileMessage, ...] = ()


class ExitOptionsMessage(Message, frozen=True):
    """What Azure Batch does after a task ended in a certain way: with the job, and with dependent tasks."""

    job_action: JobAction = "none"
    dependency_action: DependencyAction = ""


class ExitCodeMessage(Message, frozen=True):
    """What Azure Batch does after one exit code."""

    code: int
    exit_options: ExitOptionsMessage


class ExitCodeRangeMessage(Message, frozen=True):
    """What Azure Batch does after an exit code in a range, `start` and `end` included."""

    start: int
    end: int
    exit_options: ExitOptionsMessage


class ExitConditionsMessage(Message, frozen=True):
    """What Azure Batch does after each way in which a task can end."""

    exit_codes: tuple[ExitCodeMessage, ...] = ()
    exit_code_ranges: tuple[ExitCodeRangeMessage, ...] = ()
    pre_processing_error: ExitOptionsMessage | None = None
    file_upload_error: ExitOptionsMessage | None = None
    default: ExitOptionsMessage | None = None


class TaskTemplate(Message, frozen=True):
    """A task without an id and without dependencies."""

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
        """Return this task with an id and dependencies."""
        fields = {name: getattr(self, name) for name in TaskTemplate.__struct_fields__}
        return TaskMessage(id=task_id, depends_on=depends_on, **fields)


class TaskMessage(TaskTemplate, frozen=True, kw_only=True):
    """One task of a job."""

    id: str
    depends_on: tuple[str, ...] = ()


class JobTasks(Message, frozen=True):
    """Tasks that the request does not list: a job manager task has planned them, or they come from blobs."""

    tasks: tuple[TaskMessage, ...]
    finalize_task: TaskMessage | None = None
