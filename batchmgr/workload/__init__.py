"""The programming model: what workload authors import, and what batchmgr makes of it.

Only the standard library is behind these names, for tasks start here. What only the control plane needs has
its own modules: `planning`, `finalize_plan` and `registry`.
"""

from batchmgr.workload.application import Application
from batchmgr.workload.base import BatchClient, WorkloadBase
from batchmgr.workload.entry_points import EntryPointsRepository
from batchmgr.workload.job_manager import JobContext, JobManager, JobManagerBuilder
from batchmgr.workload.specification import (
    JSON,
    InputFileSpecification,
    OutputFileSpecification,
    TaskSpecification,
)
from batchmgr.workload.task import FinalizeTask, TaskContext, WorkloadTask, WorkloadTaskBuilder

__all__ = [
    "JSON",
    "Application",
    "BatchClient",
    "EntryPointsRepository",
    "FinalizeTask",
    "InputFileSpecification",
    "JobContext",
    "JobManager",
    "JobManagerBuilder",
    "OutputFileSpecification",
    "TaskContext",
    "TaskSpecification",
    "WorkloadBase",
    "WorkloadTask",
    "WorkloadTaskBuilder",
]
