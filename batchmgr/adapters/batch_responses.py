"""What Azure Batch answers, as far as batchmgr reads it, decoded without its client's models."""

from datetime import datetime

import msgspec

from batchmgr.adapters.service_errors import without_secrets
from batchmgr.batch_bodies.job_body import DIGEST_NAME
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskError, TaskSnapshot


class Pair(msgspec.Struct, frozen=True):
    """An item of metadata, or of an error's details."""

    name: str = ""
    value: str = ""


class JobExecution(msgspec.Struct, frozen=True, rename="camel"):
    """The `executionInfo` of a job."""

    terminate_reason: str = ""


class Job(msgspec.Struct, frozen=True, rename="camel"):
    """A job."""

    state: str
    metadata: tuple[Pair, ...] = ()
    execution_info: JobExecution = JobExecution()

    def to_model(self) -> BatchJob:
        """The job as the use cases see it."""
        digest = next((item.value for item in self.metadata if item.name == DIGEST_NAME), "")
        return BatchJob(
            state=self.state, digest=digest, terminate_reason=self.execution_info.terminate_reason
        )


class FailureInfo(msgspec.Struct, frozen=True):
    """The `failureInfo` of a task."""

    category: str = ""
    code: str = ""
    message: str = ""
    details: tuple[Pair, ...] = ()

    def to_model(self) -> TaskError:
        """The failure, with its details in the message."""
        details = "; ".join(f"{item.name}: {item.value}" for item in self.details)
        message = f"{self.message} ({details})" if details else self.message
        return TaskError(type=self.code, message=without_secrets(message), category=self.category)


class TaskExecution(msgspec.Struct, frozen=True, rename="camel"):
    """The `executionInfo` of a task."""

    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    retry_count: int = 0
    requeue_count: int = 0
    result: str = ""
    failure_info: FailureInfo | None = None


class NodeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """Where a task ran."""

    node_id: str = ""


class Task(msgspec.Struct, frozen=True, rename="camel"):
    """A task, with the fields that are selected."""

    id: str
    state: str
    state_transition_time: datetime
    display_name: str = ""
    execution_info: TaskExecution = TaskExecution()
    node_info: NodeInfo = NodeInfo()

    def to_model(self) -> TaskSnapshot:
        """The task as the use cases see it."""
        run = self.execution_info
        return TaskSnapshot(
            task_id=self.id,
            state=self.state,  # type: ignore[arg-type]  # the service knows no other state
            state_transition_time=self.state_transition_time,
            display_name=self.display_name,
            result=run.result.lower(),  # type: ignore[arg-type]  # written in either case on the wire
            exit_code=run.exit_code,
            error=run.failure_info.to_model() if run.failure_info else None,
            start_time=run.start_time,
            end_time=run.end_time,
            retry_count=run.retry_count,
            requeue_count=run.requeue_count,
            node_id=self.node_info.node_id,
        )


class TaskList(msgspec.Struct, frozen=True):
    """A page of tasks."""

    value: tuple[Task, ...] = ()
    next_link: str = msgspec.field(name="odata.nextLink", default="")


class Counts(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a task counts call."""

    task_counts: TaskCounts


class ErrorMessage(msgspec.Struct, frozen=True):
    """The text of an error."""

    value: str = ""


class ResultError(msgspec.Struct, frozen=True):
    """Why one task of a collection was not added."""

    code: str = ""
    message: ErrorMessage = ErrorMessage()
    values: tuple[dict[str, str], ...] | None = None

    @property
    def text(self) -> str:
        """What is wrong, in one line."""
        lines = self.message.value.splitlines()
        details = "; ".join(f"{item.get('key')}: {item.get('value')}" for item in self.values or ())
        return " ".join(filter(None, (lines[0] if lines else self.code, f"({details})" if details else "")))


class AddResult(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one task of a collection."""

    task_id: str
    status: str = ""
    error: ResultError | None = None


class AddResults(msgspec.Struct, frozen=True):
    """The answer to an add-task-collection call."""

    value: tuple[AddResult, ...] = ()
