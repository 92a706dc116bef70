"""batchmgr: an event-driven control plane for Azure Batch.

What workload authors need is imported from here, lazily, so that a cold start loads only what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchmgr.errors import BatchmgrError, InvalidInputError, InvalidJobError
    from batchmgr.workload import (
        Application,
        EntryPointsRepository,
        FinalizeTask,
        InputFileSpecification,
        JobContext,
        JobManager,
        JobManagerBuilder,
        OutputFileSpecification,
        TaskContext,
        TaskSpecification,
        WorkloadBase,
        WorkloadTask,
        WorkloadTaskBuilder,
    )

_HOMES = {
    "BatchmgrError": "batchmgr.errors",
    "InvalidInputError": "batchmgr.errors",
    "InvalidJobError": "batchmgr.errors",
    "Application": "batchmgr.workload",
    "EntryPointsRepository": "batchmgr.workload",
    "FinalizeTask": "batchmgr.workload",
    "InputFileSpecification": "batchmgr.workload",
    "JobContext": "batchmgr.workload",
    "JobManager": "batchmgr.workload",
    "JobManagerBuilder": "batchmgr.workload",
    "OutputFileSpecification": "batchmgr.workload",
    "TaskContext": "batchmgr.workload",
    "TaskSpecification": "batchmgr.workload",
    "WorkloadBase": "batchmgr.workload",
    "WorkloadTask": "batchmgr.workload",
    "WorkloadTaskBuilder": "batchmgr.workload",
}

__all__ = [
    "Application",
    "BatchmgrError",
    "EntryPointsRepository",
    "FinalizeTask",
    "InputFileSpecification",
    "InvalidInputError",
    "InvalidJobError",
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


def __getattr__(name: str) -> object:
    """Import a public name from its home on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
