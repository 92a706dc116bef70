"""The responses of Azure Batch about jobs and tasks: only the properties that batchmgr reads."""

from datetime import datetime, timedelta

import msgspec

from batchmgr.adapters.service_errors import without_secrets
from batchmgr.batch_bodies.job_body import DIGEST_NAME
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskError, TaskSnapshot
from batchmgr.wire.json_codec import prepare

LONGEST_TASK = timedelta(days=180)
"""A task can't be in Azure Batch for longer.

Source: https://learn.microsoft.com/rest/api/batchservice/task/add
"""


ENDED = "The task was ended: by a request, by its time limit, or with its job"
"""What the failure `TaskEnded` means. Azure Batch says "by user request" in each of these cases."""


class NameValuePair(msgspec.Struct, frozen=True):
    """An item of metadata, or of the details of an error."""

    name: str = ""
    value: str = ""


class ErrorInfo(msgspec.Struct, frozen=True):
    """An error that Azure Batch shows in a resource, such as a resize error."""

    code: str = ""
    message: str = ""

    @property
    def text(self) -> str:
        """Return the error in one line, without signatures."""
        first = self.message.strip().partition("\n")[0]
        return without_secrets(": ".join(filter(None, (self.code, first))))


class JobExecutionInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The `executionInfo` of a job. It has the id of the pool, also of an auto pool."""

    terminate_reason: str = ""
    pool_id: str = ""
    scheduling_error: ErrorInfo | None = None


class PoolInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The `poolInfo` of a job. It has no id if the pool is an auto pool."""

    pool_id: str = ""


class PreparationTask(msgspec.Struct, frozen=True, rename="camel"):
    """The `jobPreparationTask` of a job."""

    wait_for_success: bool = True


class JobResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A job, as Azure Batch returns it."""

    state: str
    metadata: tuple[NameValuePair, ...] = ()
    execution_info: JobExecutionInfo = JobExecutionInfo()
    pool_info: PoolInfo = PoolInfo()
    job_preparation_task: PreparationTask | None = None
    state_transition_time: datetime | None = None

    def to_model(self) -> BatchJob:
        """Return the job as the use cases see it."""
        digest = next((item.value for item in self.metadata if item.name == DIGEST_NAME), "")
        run, preparation = self.execution_info, self.job_preparation_task
        return BatchJob(
            state=self.state,
            digest=digest,
            terminate_reason=run.terminate_reason,
            pool_id=self.pool_info.pool_id or run.pool_id,
            scheduling_error=run.scheduling_error.text if run.scheduling_error else "",
            needs_preparation=preparation is not None and preparation.wait_for_success,
            state_transition_time=self.state_transition_time,
        )


class FailureInfo(msgspec.Struct, frozen=True):
    """The `failureInfo` of a task."""

    category: str = ""
    code: str = ""
    message: str = ""
    details: tuple[NameValuePair, ...] = ()

    def to_model(self) -> TaskError:
        """Return the failure, with its details in the message and signatures removed."""
        details = "; ".join(f"{item.name}: {item.value}" for item in self.details)
        text = ENDED if self.code == "TaskEnded" and "User Request" in self.message else self.message
        message = f"{text} ({details})" if details else text
        return TaskError(type=self.code, message=without_secrets(message), category=self.category)


class TaskExecutionInfo(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The `executionInfo` of a task."""

    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    requeue_count: int = 0
    last_requeue_time: datetime | None = None
    result: str = ""
    failure_info: FailureInfo | None = None


class TaskConstraints(msgspec.Struct, frozen=True, rename="camel"):
    """The `constraints` of a task. Without a limit, Azure Batch names its longest duration, 29,000 years."""

    max_wall_clock_time: str = ""

    @property
    def time_limit(self) -> timedelta | None:
        """Return how long the task may run; None if there is no limit, or one that is longer than any job."""
        try:
            limit = msgspec.convert(self.max_wall_clock_time, timedelta, strict=False)
        except msgspec.ValidationError:
            return None
        return limit if limit < LONGEST_TASK else None


class TaskConstraintsResponse(msgspec.Struct, frozen=True):
    """A task of which only the constraints were asked for."""

    constraints: TaskConstraints = TaskConstraints()


class NodeInfo(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The `nodeInfo` of a task: where it runs or ran."""

    node_id: str = ""


class TaskResponse(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A task, with the properties that batchmgr selects."""

    id: str
    state: str
    state_transition_time: datetime
    display_name: str = ""
    execution_info: TaskExecutionInfo = TaskExecutionInfo()
    node_info: NodeInfo = NodeInfo()
    creation_time: datetime | None = None
    required_slots: int = 1

    def to_model(self) -> TaskSnapshot:
        """Return the task as the use cases see it."""
        run = self.execution_info
        return TaskSnapshot(
            task_id=self.id,
            state=self.state,  # type: ignore[arg-type]  # Azure Batch has no other states
            state_transition_time=self.state_transition_time,
            display_name=self.display_name,
            result=run.result.lower(),  # type: ignore[arg-type]  # upper or lower case in responses
            exit_code=run.exit_code,
            error=run.failure_info.to_model() if run.failure_info else None,
            start_time=run.start_time,
            end_time=run.end_time,
            retry_count=run.retry_count,
            last_retry_time=run.last_retry_time,
            requeue_count=run.requeue_count,
            last_requeue_time=run.last_requeue_time,
            node_id=self.node_info.node_id,
            creation_time=self.creation_time,
            required_slots=self.required_slots,
        )


class TaskListResponse(msgspec.Struct, frozen=True):
    """A page of tasks."""

    value: tuple[TaskResponse, ...] = ()
    next_link: str = msgspec.field(name="odata.nextLink", default="")


class TaskCountsResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The response to a task counts call."""

    task_counts: TaskCounts


class ErrorMessage(msgspec.Struct, frozen=True):
    """The text of an error."""

    value: str = ""


class TaskAddError(msgspec.Struct, frozen=True):
    """Why one task of a collection was not added."""

    code: str = ""
    message: ErrorMessage = ErrorMessage()
    values: tuple[dict[str, str], ...] | None = None

    @property
    def text(self) -> str:
        """Return the error in one line, with its details."""
        lines = self.message.value.splitlines()
        details = "; ".join(f"{item.get('key')}: {item.get('value')}" for item in self.values or ())
        return " ".join(filter(None, (lines[0] if lines else self.code, f"({details})" if details else "")))


class TaskAddResult(msgspec.Struct, frozen=True, rename="camel"):
    """Whether one task of a collection was added."""

    task_id: str
    status: str = ""
    error: TaskAddError | None = None


class TaskAddCollectionResponse(msgspec.Struct, frozen=True):
    """The response to an add-task-collection call."""

    value: tuple[TaskAddResult, ...] = ()


prepare(
    JobResponse,
    TaskResponse,
    TaskListResponse,
    TaskCountsResponse,
    TaskConstraintsResponse,
    TaskAddCollectionResponse,
)
