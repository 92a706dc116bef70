"""The job message: what a producer puts on the queue or posts over HTTP. JSON, camelCase, version 1.

Decoding is strict: unknown fields and wrong types are refused, and the error names the field.
"""

import hashlib
import re
from datetime import timedelta
from typing import Any, Literal, TypeVar

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.wire.factory_message import ParametricSweep, TaskFactory
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
    """What runs once on each node before the job's first task there."""

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
    """What runs on each of these nodes when the job is over."""

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
    """A pool for this job alone."""

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
    """How a node starts a workload that this control plane cannot import: it plans the job there.

    `command_line` is what runs the workload, such as `python3.8 -m my_workload`.
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


class JobMessage(Message, frozen=True):
    """A job: a `workload` with its `inputs`, or `tasks`, or a `task_factory`. See docs/job-message.md."""

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
    environment: dict[str, str] = {}
    job_preparation_task: JobPreparationTaskMessage | None = None
    job_release_task: JobReleaseTaskMessage | None = None
    call_back_uri: str = ""
    notify: tuple[str, ...] = ()
    metadata: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """What the job is, without its id: the same content always gives the same digest."""
        content = msgspec.json.encode(msgspec.structs.replace(self, job_id=""), order="sorted")
        if isinstance(self.task_factory, ParametricSweep):  # the one place where the order of names counts
            content += msgspec.json.encode(list(self.task_factory.parameters))
        return hashlib.sha256(content).hexdigest()


class JobReference(Message, frozen=True):
    """A queue message that stands for a request already stored in a blob (claim check)."""

    stored_job_id: str


T = TypeVar("T")


def encode(message: msgspec.Struct) -> bytes:
    """The JSON of a message, as stored and sent."""
    return msgspec.json.encode(message)


def decode_job(body: bytes) -> JobMessage:
    """A job message from JSON. Raises InvalidJobError that names the field."""
    return decode(body, JobMessage)


def decode_queue_message(body: bytes) -> JobMessage | JobReference:
    """A message of the job request queue: a whole job, or a reference to a stored one."""
    if (_object(body) or {}).keys() == {"storedJobId"}:
        return decode(body, JobReference)
    return decode_job(body)


def decode(body: bytes, type_: type[T]) -> T:
    """Decode strictly, turning the decoder's complaint into an InvalidJobError with the field's path."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJobError(f"not valid JSON: {error}") from error


def salvage(body: bytes, fallback_id: str = "") -> tuple[str, str]:
    """Id and callback URI of a message that could not be decoded, each empty where it can't be told.

    An object without a `jobId` has the `fallback_id`, as a job would have.
    """
    value = _object(body)
    if value is None:
        return "", ""
    job_id, uri = value.get("jobId", fallback_id), value.get("callBackUri")
    return (job_id if isinstance(job_id, str) else "", uri if isinstance(uri, str) else "")


def _object(body: bytes) -> dict[str, object] | None:
    """The JSON object that a body is, if it is one."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_AT = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_NAMED_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>.*)`$", re.DOTALL)


def _named(complaint: str) -> InvalidJobError:
    match = _AT.match(complaint)
    reason, path = (match["reason"], match["path"] or "") if match else (complaint, "")
    path = path.removeprefix(".")
    named = _NAMED_FIELD.match(reason)
    if named is None:
        return InvalidJobError(reason[0].lower() + reason[1:], field=path)
    field = f"{path}.{named['name']}" if path else named["name"]
    return InvalidJobError("unknown field" if "unknown" in reason else "required, but missing", field=field)
