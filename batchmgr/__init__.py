"""batchmgr: an event-driven control plane for Azure Batch.

Workload authors import their names from here. Each name is imported when it is first used, so that a task on
a node loads only what it needs. These names need Python 3.8 or newer and only its standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchmgr.errors import BatchmgrError, InvalidInputError, InvalidJobError, RetryableTaskError
    from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
    from batchmgr.plan.job_specification import (
        AutoPoolSpecification,
        ImageReference,
        JobPreparationTask,
        JobReleaseTask,
        JobSpecification,
    )
    from batchmgr.plan.task_options import (
        ApplicationPackageReference,
        ContainerSettings,
        ExitCodeMapping,
        ExitCodeRangeMapping,
        ExitConditions,
        ExitOptions,
        MultiInstanceSettings,
        UserIdentity,
    )
    from batchmgr.workload.application import Application
    from batchmgr.workload.batch_client import BatchClient, BatchClientFactory, BatchClientSettings
    from batchmgr.workload.entry_points import EntryPointsRepository
    from batchmgr.workload.job_manager import JobContext, JobManager, JobManagerBuilder
    from batchmgr.workload.logging_setup import setup_logging
    from batchmgr.workload.manifest import FinishedTask, Manifest
    from batchmgr.workload.task_specification import TaskSpecification
    from batchmgr.workload.workload_base import WorkloadBase
    from batchmgr.workload.workload_task import FinalizeTask, TaskContext, WorkloadTask, WorkloadTaskBuilder

_HOMES = {
    "batchmgr.workload.batch_client": (
        "BatchClient",
        "BatchClientFactory",
        "BatchClientSettings",
    ),
    "batchmgr.errors": (
        "BatchmgrError",
        "InvalidInputError",
        "InvalidJobError",
        "RetryableTaskError",
    ),
    "batchmgr.plan.file_specifications": (
        "InputFileSpecification",
        "OutputFileSpecification",
    ),
    "batchmgr.plan.job_specification": (
        "AutoPoolSpecification",
        "ImageReference",
        "JobPreparationTask",
        "JobReleaseTask",
        "JobSpecification",
    ),
    "batchmgr.plan.task_options": (
        "ApplicationPackageReference",
        "ContainerSettings",
        "ExitCodeMapping",
        "ExitCodeRangeMapping",
        "ExitConditions",
        "ExitOptions",
        "MultiInstanceSettings",
        "UserIdentity",
    ),
    "batchmgr.workload.application": ("Application",),
    "batchmgr.workload.workload_base": ("WorkloadBase",),
    "batchmgr.workload.entry_points": ("EntryPointsRepository",),
    "batchmgr.workload.job_manager": (
        "JobContext",
        "JobManager",
        "JobManagerBuilder",
    ),
    "batchmgr.workload.logging_setup": ("setup_logging",),
    "batchmgr.workload.manifest": (
        "FinishedTask",
        "Manifest",
    ),
    "batchmgr.workload.task_specification": ("TaskSpecification",),
    "batchmgr.workload.workload_task": (
        "FinalizeTask",
        "TaskContext",
        "WorkloadTask",
        "WorkloadTaskBuilder",
    ),
}
"""The module that defines each public name."""

__all__ = [
    "Application",
    "ApplicationPackageReference",
    "AutoPoolSpecification",
    "BatchClient",
    "BatchClientFactory",
    "BatchClientSettings",
    "BatchmgrError",
    "ContainerSettings",
    "EntryPointsRepository",
    "ExitCodeMapping",
    "ExitCodeRangeMapping",
    "ExitConditions",
    "ExitOptions",
    "FinalizeTask",
    "FinishedTask",
    "ImageReference",
    "InputFileSpecification",
    "InvalidInputError",
    "InvalidJobError",
    "JobContext",
    "JobManager",
    "JobManagerBuilder",
    "JobPreparationTask",
    "JobReleaseTask",
    "JobSpecification",
    "Manifest",
    "MultiInstanceSettings",
    "OutputFileSpecification",
    "RetryableTaskError",
    "TaskContext",
    "TaskSpecification",
    "UserIdentity",
    "WorkloadBase",
    "WorkloadTask",
    "WorkloadTaskBuilder",
    "setup_logging",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
