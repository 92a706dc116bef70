"""The job message: what a caller puts on the queue or posts over HTTP. JSON, camelCase, version 1.

`docs/job-message.md` documents every field.
"""

import hashlib
from datetime import timedelta
from typing import Any, Literal

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.wire.factory_message import ParametricSweep, TaskFactory
from batchmgr.wire.json_codec import decode, prepare
from batchmgr.wire.task_message import (
    ApplicationPackageMessage,
    ContainerSettingsMessage,
    InputFileMessage,
    Message,
    PosInt,
    RetryCount,
    TaskMessage,
    Text,
    UserIdentityMessage,
)


class JobPreparationTaskMessage(Message, frozen=True):
    """A task that runs once on each node, before the first task of the job that runs there."""

    command_line: Text
    environment: dict[str, str] = {}
    input_files: tuple[InputFileMessage, ...] = ()
    container_settings: ContainerSettingsMessage | None = None
    user_identity: UserIdentityMessage | None = None
    max_task_retry_count: RetryCount = 0
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    wait_for_success: bool = True
    rerun_on_node_reboot_after_success: bool = True


class JobReleaseTaskMessage(Message, frozen=True):
    """A task that runs when the job has ended, on each node where the preparation task ran."""

    command_line: Text
    environment: dict[str, str] = {}
    input_files: tuple[InputFileMessage, ...] = ()
    container_settings: ContainerSettingsMessage | None = None
    user_identity: UserIdentityMessage | None = None
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None


class ImageReferenceMessage(Message, frozen=True):
    """The image of an auto pool's nodes."""

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    virtual_machine_image_id: str = ""


class AutoPoolMessage(Message, frozen=True):
    """A pool that Azure Batch creates for this job only."""

    vm_size: Text
    image: ImageReferenceMessage
    node_agent_sku_id: Text
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    autoscale_formula: str = ""
    autoscale_evaluation_interval: timedelta | None = None
    task_slots_per_node: PosInt = 1
    enable_inter_node_communication: bool = False
    start_task_command_line: str = ""
    application_packages: tuple[ApplicationPackageMessage, ...] = ()
    container_image_names: tuple[str, ...] = ()
    subnet_id: str = ""
    keep_alive: bool = False


class JobManagerTaskMessage(Message, frozen=True):
    """How to plan the job on a node, if the workload can't be imported by the function app.

    `command_line` starts the workload, for example `python3.8 -m my_workload`.
    """

    command_line: Text
    environment: dict[str, str] = {}
    input_files: tuple[InputFileMessage, ...] = ()
    container_settings: ContainerSettingsMessage | None = None
    user_identity: UserIdentityMessage | None = None
    application_packages: tuple[ApplicationPackageMessage, ...] = ()
    max_task_retry_count: RetryCount = 0
    max_wall_clock_time: timedelta | None = None
    required_slots: PosInt = 1


class RerunOf(Message, frozen=True):
    """Which tasks of which job this one runs again. They are in the plan that is kept with the job."""

    job_id: str
    tasks: Literal["failed", "all"]


JOB_EVENTS = ("job.*",)
"""The events that a webhook gets if it chooses none."""


class WebhookMessage(Message, frozen=True):
    """An endpoint that is told of the events of the job that match a pattern.

    The URI is a secret.
    """

    uri: Text
    events: tuple[str, ...] = JOB_EVENTS

    def __post_init__(self) -> None:
        """Have the default left out, and so the same digest, if it is written out."""
        if self.events == JOB_EVENTS:
            msgspec.structs.force_setattr(self, "events", JOB_EVENTS)


class JobMessage(Message, frozen=True):
    """A job: a `workload` with its `inputs`, or `tasks`, or a `task_factory`.

    Only batchmgr itself writes `rerun_of`, into the request that it stores.
    """

    version: Literal[1] = 1
    job_id: str = ""
    workload: str = ""
    inputs: dict[str, Any] = {}
    tasks: tuple[TaskMessage, ...] = ()
    task_factory: TaskFactory | None = None
    job_manager_task: JobManagerTaskMessage | None = None
    pool_id: str = ""
    auto_pool: AutoPoolMessage | None = None
    priority: int = 0
    max_parallel_tasks: int = -1
    max_wall_clock_time: timedelta | None = None
    stall_limit: timedelta | None = None
    retention_time: timedelta | None = None
    environment: dict[str, str] = {}
    job_preparation_task: JobPreparationTaskMessage | None = None
    job_release_task: JobReleaseTaskMessage | None = None
    call_back_uri: str = ""
    notify: tuple[str, ...] = ()
    webhooks: tuple[WebhookMessage, ...] = ()
    metadata: dict[str, str] = {}
    traceparent: str = ""
    rerun_of: RerunOf | None = None

    @property
    def has_content(self) -> bool:
        """Return whether the message describes any tasks. The request of a refused message does not."""
        return bool(self.workload or self.tasks or self.task_factory or self.rerun_of)

    @property
    def digest(self) -> str:
        """Return a digest of what the job does: all but its id, trace and receiver.

        The same content has the same digest. Who sends a job again may be told of its end elsewhere.
        """
        content = msgspec.json.encode(
            msgspec.structs.replace(self, job_id="", traceparent="", call_back_uri=""), order="sorted"
        )
        if isinstance(self.task_factory, ParametricSweep):  # here the order of the names counts
            content += msgspec.json.encode(list(self.task_factory.parameters))
        return hashlib.sha256(content).hexdigest()


prepare(JobMessage)


def decode_job(body: bytes) -> JobMessage:
    """Return the job message in a JSON text. Raise InvalidJobError, which names the field."""
    message = decode(body, JobMessage)
    if message.rerun_of is not None:
        raise InvalidJobError("is not for messages: POST /api/jobs/{jobId}/rerun", field="rerunOf")
    return message
