"""What the parts of the engine share."""

from collections.abc import Callable
from dataclasses import dataclass

from fakebatch.active_runs import ActiveRuns, Handle, Work
from fakebatch.execution.executor_port import Executor, RunRequest
from fakebatch.model.application_packages import Applications
from fakebatch.service_delays import ServiceDelays
from fakebatch.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContext:
    """The store, what runs tasks, what runs now, the packages, and what takes time.

    `wake` starts a pass of the engine.
    """

    store: Store
    runs: ActiveRuns
    executor: Executor
    applications: Applications
    delays: ServiceDelays
    wake: Callable[[], None]

    def start_run(self, request: RunRequest, work: Work) -> Handle:
        """Start work on a node that is not a task of a job. The engine wakes when it is done."""
        return self.runs.start(request, work, lambda request, outcome, disposition: self.wake())
