"""What the engine needs from whatever runs the tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult
from fakebatch.wire.service_clock import Timer

RunKind: TypeAlias = Literal["task", "start", "preparation", "release"]
"""A task of a job's list, the start task of a node, or one that prepares a node for a job or releases it."""


class RunKey(NamedTuple):
    """What tells runs apart; ids in lower case. A task runs on one node, so that has no place in its key."""

    kind: RunKind
    job_id: str
    task_id: str
    node_id: str


class Place(NamedTuple):
    """Where a task ran."""

    pool_id: str
    node_id: str
    job_id: str
    task_id: str


class Instance(NamedTuple):
    """A node that takes part in a multi-instance task, and the address of that node."""

    node_id: str
    address: str


def _ignore(number: int, outcome: RunResult) -> None:
    """Take note of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run of a task on a node: `spec` holds the task's properties, `job_spec` those of its job.

    A start task has no job, so its `job_id` is empty. `packages` are those to be on the node. A
    multi-instance task has an instance for each of its nodes, the primary first;
    `subtask_ended(number, outcome)` is to be called at the end of each other one.
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
        """What tells this run from others."""
        node = "" if self.kind == "task" else self.node_id
        return RunKey(self.kind, self.job_id.lower(), self.task_id.lower(), node)

    @property
    def node_ids(self) -> list[str]:
        """The nodes the run takes place on."""
        return [instance.node_id for instance in self.instances] or [self.node_id]


def task_key(job_id: str, task_id: str) -> RunKey:
    """Return the key of the run of a task of a job."""
    return RunKey("task", job_id.lower(), task_id.lower(), "")


class Executor(Protocol):
    """Runs tasks."""

    async def run(self, order: Order) -> RunResult:
        """Run a task to its end. To cancel the call is to kill all of the task before it returns."""
        ...

    def begin(self, order: Order, report: Callable[[RunResult], None]) -> Timer | None:
        """Begin a run that has nothing to do but to wait; None where it has, and `run` is to be called.

        Its outcome is reported later, unless it is killed before: by cancelling what is returned.
        """
        ...

    def lay_out(self, place: Place) -> None:
        """Have the files of a task that ran be where they are looked for."""
        ...

    async def install(
        self, pool_id: str, node_id: str, packages: tuple[ApplicationPackage, ...]
    ) -> FailureInfo | None:
        """Put application packages on a node, and return why that failed, if it did."""
        ...

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Remove the files of a task, or of all tasks of a job."""
        ...

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove all files of a node."""
        ...

    async def close(self) -> None:
        """Release what the executor holds; no run is under way."""
        ...
