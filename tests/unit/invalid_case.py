"""Invalid jobs, written as a job message and as a workload."""

import dataclasses
from collections.abc import Callable
from typing import Any

from batchmgr import (
    AutoPoolSpecification,
    ImageReference,
    InputFileSpecification,
    JobManager,
    MultiInstanceSettings,
    OutputFileSpecification,
    TaskSpecification,
)

Json = dict[str, Any]
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
POOL: Json = {
    "vmSize": "standard_d2s_v3",
    "image": {"publisher": "almalinux", "offer": "almalinux-hpc", "sku": "8"},
    "nodeAgentSkuId": "batch.node.el 8",
    "targetDedicatedNodes": 2,
}
IMAGE = ImageReference(publisher="almalinux", offer="almalinux-hpc", sku="8")
FILE: Json = {"containerName": "inputs", "sourceBlobPath": "a.txt", "targetFilePath": "a.txt"}
OUTPUT: Json = {"sourceFilePath": "b.txt", "containerName": "out", "targetBlobPath": "b.txt"}


def pool(**changes: Any) -> AutoPoolSpecification:
    """Return the same pool as `POOL`, for a workload."""
    known: dict[str, Any] = {
        "vm_size": "standard_d2s_v3",
        "image": IMAGE,
        "node_agent_sku_id": "batch.node.el 8",
        "target_dedicated_nodes": 2,
    }
    return AutoPoolSpecification(**{**known, **changes})


def file(**changes: Any) -> InputFileSpecification:
    """Return the same file as `FILE`, for a workload."""
    known = {"container_name": "inputs", "source_blob_path": "a.txt", "target_file_path": "a.txt"}
    return InputFileSpecification(**{**known, **changes})


def output(**changes: Any) -> OutputFileSpecification:
    """Return the same file as `OUTPUT`, for a workload."""
    known = {"source_file_path": "b.txt", "container_name": "out", "target_blob_path": "b.txt"}
    return OutputFileSpecification(**{**known, **changes})


Author = Callable[[JobManager, TaskSpecification], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvalidCase:
    """An invalid job: the properties of its one task and of the job, and a workload that asks for the same.

    `field` is the wrong field, `words` a pattern of the error message.
    """

    name: str
    field: str
    words: str
    task: Json = dataclasses.field(default_factory=dict)
    job: Json = dataclasses.field(default_factory=dict)
    author: Author | None = None


def change(**fields: Any) -> Author:
    """Return an author that sets these fields of the task."""

    def author(manager: JobManager, task: TaskSpecification) -> None:
        for name, value in fields.items():
            assert hasattr(task, name)
            setattr(task, name, value)

    return author


def change_job(**fields: Any) -> Author:
    """Return an author that sets these fields of the job. An auto pool replaces the given pool."""

    def author(manager: JobManager, task: TaskSpecification) -> None:
        if "auto_pool" in fields:
            manager.job.pool_id = ""
        for name, value in fields.items():
            assert hasattr(manager.job, name)
            setattr(manager.job, name, value)

    return author


def both(*authors: Author) -> Author:
    """Return an author that does what all these authors do."""

    def author(manager: JobManager, task: TaskSpecification) -> None:
        for one in authors:
            one(manager, task)

    return author


def on_auto_pool(author: Author, **changes: Any) -> Author:
    """Return an author that does the same on an auto pool."""
    return both(change_job(auto_pool=pool(**changes)), author)


CONTAINER: Json = {"imageName": "ubuntu:16.04"}
MPI: Json = {"numberOfInstances": 2, "coordinationCommandLine": "true"}
SETTINGS = MultiInstanceSettings(number_of_instances=2, coordination_command_line="true")
