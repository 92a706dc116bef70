"""What all that runs on nodes has in common."""

from collections.abc import Callable
from dataclasses import dataclass

from fakebatch.active_runs import Handle, Runs, Work
from fakebatch.execution.executor_port import Executor, Order
from fakebatch.model.application_packages import Applications
from fakebatch.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """What is known, what can be run and what is running; `wake` has the engine look for something to do."""

    store: Store
    runs: Runs
    executor: Executor
    applications: Applications
    wake: Callable[[], None]

    def work(self, order: Order, work: Work) -> Handle:
        """Begin what a node has to do besides the tasks of jobs; the engine wakes once it is done."""
        return self.runs.start(order, work, lambda order, outcome, ending: self.wake())
