"""The ports of workloads. `ports` has the others, and all of them together."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from batchmgr.workload.workload_base import WorkloadBase

T = TypeVar("T")


class Workloads(Protocol):
    """The workloads that are installed where batchmgr runs."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all workloads, sorted."""
        ...

    def load(self, name: str) -> WorkloadBase:
        """Return the workload. Raise InvalidJobError if there is none of this name, or it can't be loaded."""
        ...


class WorkloadThreads(Protocol):
    """Threads in which the code of workloads runs, apart from everything else."""

    async def run(self, workload: str, call: Callable[[], T]) -> T:
        """Call a function that runs code of this workload, and return what it returns.

        Raise InvalidJobError if it does not return in time, and ServiceBusyError if too many calls of this
        workload are under way.
        """
        ...
