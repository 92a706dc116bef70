"""A registry that holds only the workload of the local run, instead of the installed ones."""

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.workload.workload_base import WorkloadBase


class SingleWorkloadRegistry(WorkloadRegistry):
    """A registry of one workload."""

    def __init__(self, workload: WorkloadBase) -> None:
        super().__init__({})
        self._workload = workload

    def names(self) -> tuple[str, ...]:
        """Return the name of the workload."""
        return (self._workload.name,)

    def load(self, name: str) -> WorkloadBase:
        """Return the workload, whatever the name."""
        return self._workload
