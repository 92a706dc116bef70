"""The workload that is being run, in the place of those that are installed."""

import copy
import sys
import traceback
from pathlib import Path

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.workload.job_manager import JobContext, JobManager
from batchmgr.workload.workload_base import WorkloadBase


class SoleWorkload(WorkloadRegistry):
    """A registry of one workload, whose `create_job` runs once however often the job is planned.

    So a breakpoint in it stops once. In Azure a job is planned anew at each step, to the same result.
    """

    def __init__(self, workload: WorkloadBase) -> None:
        super().__init__({})
        self._workload = _planned_once(workload)

    def names(self) -> tuple[str, ...]:
        """The name of the workload."""
        return (self._workload.name,)

    def load(self, name: str) -> WorkloadBase:
        """The workload."""
        return self._workload


def place_of_failure(workload: WorkloadBase, error: BaseException) -> str:
    """Where in the workload's own code an error began, as `file, line n`; empty if that was elsewhere."""
    module = sys.modules[type(workload).__module__]
    package = Path(module.__file__ or "").parent
    cause = error.__cause__
    for frame in reversed(traceback.extract_tb(cause.__traceback__) if cause else []):
        if Path(frame.filename).is_relative_to(package):
            return f"{frame.filename}, line {frame.lineno}"
    return ""


def _planned_once(workload: WorkloadBase) -> WorkloadBase:
    plans: dict[str, JobManager] = {}
    twin = copy.copy(workload)

    def plan(context: JobContext) -> JobManager:
        if context.job_id not in plans:
            plans[context.job_id] = workload.plan(context)
        return plans[context.job_id]

    twin.plan = plan  # type: ignore[method-assign]
    return twin
