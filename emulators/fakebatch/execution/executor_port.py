"""The port between the engine and what runs the tasks: the executor, and the runs it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult
from fakebatch.wire.service_clock import Timer

RunKind: TypeAlias = Literal["task", "start", "preparation", "release"]
"""A task of a job, the start task of a node, or the preparation or release task of a job."""


class RunKey(NamedTuple):
    """The identity of a run. Ids are in lower case. `node_id` is empty for the tasks of jobs."""

    kind: RunKind
    job_id: str
    task_id: str
    node_id: str


class TaskLocation(NamedTuple):
    """The ids of a task and of the node it ran on."""

    pool_id: str
    node_id: str
    job_id: str
    task_id: str


class Instance(NamedTuple):
    """A node that takes part in a multi-instance task, with its address."""

    node_id: str
    address: str


def _ignore(number: int, outcome: RunResult) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The request to run a task on a node once.

    `spec` has the properties of the task, `job_spec` those of its job. A start task has no job, so its
    `job_id` is empty. `packages` must be on the node when the task runs. A multi-instance task has an
    instance for each of its nodes, the primary first. The executor calls `subtask_ended(number, outcome)` at
    the end of each of the others.
    """

    kind: RunKind = "task"
    job_id: str
    task_id: str
    pool_id: str
    node_id: str
    dedicated: bool
    spec: Mapping[str, Any]
    job_spec: Mapping[str, Any]
    packages: tuple[ApplicationPackage, ...] = ()
    instances: tuple[Instance, ...] = ()
    subtask_ended: Callable[[int, RunResult], None] = field(default=_ignore, compare=False)

    @property
    def key(self) -> RunKey:
        """The identity of this run."""
        node = "" if self.kind == "task" else self.node_id
        return RunKey(self.kind, self.job_id.lower(), self.task_id.lower(), node)

    @property
    def node_ids(self) -> list[str]:
        """The nodes that the run uses; the first is the primary."""
        return [instance.node_id for instance in self.instances] or [self.node_id]


def task_key(job_id: str, task_id: str) -> RunKey:
    """Return the key of the run of a task of a job."""
    return RunKey("task", job_id.lower(), task_id.lower(), "")


class Executor(Protocol):
    """Runs tasks on nodes, and manages the files there."""

    async def run(self, request: RunRequest) -> RunResult:
        """Run a task to its end. If the call is cancelled, all processes of the task are killed first."""
        ...

    def start_timed(self, request: RunRequest, report: Callable[[RunResult], None]) -> Timer | None:
        """Start a run that only takes time, and return its timer. Cancelling the timer kills the run.

        When the time is over, `report` is called with the outcome. Returns None if the run does more than
        take time; then the caller uses `run`.
        """
        ...

    def create_files(self, location: TaskLocation) -> None:
        """Create the files of a task that ran, if the executor has put that off until they are needed."""
        ...

    async def install(
        self, pool_id: str, node_id: str, packages: tuple[ApplicationPackage, ...]
    ) -> FailureInfo | None:
        """Install application packages on a node. Returns the failure, or None."""
        ...

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Remove the files of a task, or of all tasks of a job."""
        ...

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove all files of a node."""
        ...

    async def close(self) -> None:
        """Close the executor. No run is active."""
        ...
