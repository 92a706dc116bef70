"""A registry that holds only the workload of the local run, instead of the installed ones."""

import copy

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.workload.job_manager import JobContext, JobManager
from batchmgr.workload.workload_base import WorkloadBase


class SingleWorkloadRegistry(WorkloadRegistry):
    """A registry of one workload. Its `create_job` runs once, however often the job is planned.

    So a breakpoint in `create_job` stops once. In Azure each step plans the job again, with the same result.
    """

    def __init__(self, workload: WorkloadBase) -> None:
        super().__init__({})
        self._workload = _planned_once(workload)

    def names(self) -> tuple[str, ...]:
        """Return the name of the workload."""
        return (self._workload.name,)

    def load(self, name: str) -> WorkloadBase:
        """Return the workload, whatever the name."""
        return self._workload


def _planned_once(workload: WorkloadBase) -> WorkloadBase:
    plans: dict[str, JobManager] = {}
    planned_once = copy.copy(workload)

    def plan(context: JobContext) -> JobManager:
        if context.job_id not in plans:
            plans[context.job_id] = workload.plan(context)
        return plans[context.job_id]

    planned_once.plan = plan  # type: ignore[method-assign]
    return planned_once
