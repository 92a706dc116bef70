"""What the engine needs from whatever runs the tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from batchmgr.local.fakebatch.model.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run of a task on a node: `spec` holds the task's properties, `job_spec` those of its job."""

    job_id: str
    task_id: str
    pool_id: str
    node_id: str
    dedicated: bool
    spec: Mapping[str, Any]
    job_spec: Mapping[str, Any]


class Executor(Protocol):
    """Runs tasks."""

    async def run(self, order: Order) -> Outcome:
        """Run a task to its end. To cancel the call is to kill all of the task before it returns."""
        ...

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Remove the files of a task, or of all tasks of a job."""
        ...

    async def close(self) -> None:
        """Release what the executor holds; no run is under way."""
        ...
