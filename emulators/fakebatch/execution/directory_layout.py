"""The directories of nodes and tasks on this machine."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from fakebatch.execution.executor_port import RunRequest
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.job_entity import directory


@dataclass(frozen=True, slots=True)
class Layout:
    """The directories below `root`: one for each node, laid out as on a node of Azure Batch."""

    root: Path

    def node_root(self, pool_id: str, node_id: str) -> Path:
        """Return the root directory of a node."""
        return self.root / pool_id / node_id

    def task_root(self, pool_id: str, node_id: str, job_id: str, task_id: str) -> Path:
        """Return the directory of a task: stdout.txt, stderr.txt and the working directory wd."""
        return self.node_root(pool_id, node_id) / directory(job_id) / task_id

    def run_root(self, request: RunRequest) -> Path:
        """Return the directory of a run. A start task uses the directory `startup` of its node."""
        if request.kind == "start":
            return self.node_root(request.pool_id, request.node_id) / "startup"
        return self.task_root(request.pool_id, request.node_id, request.job_id, request.task_id)

    def package_root(self, pool_id: str, node_id: str, package: ApplicationPackage) -> Path:
        """Return the directory in which an application package is installed."""
        return self.node_root(pool_id, node_id) / "applications" / package.directory

    def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove all files of a node."""
        shutil.rmtree(self.node_root(pool_id, node_id), ignore_errors=True)

    def remove_files(self, job_id: str, task_id: str | None) -> None:
        """Remove the files of a task, or of all tasks of a job, on all nodes."""
        for found in self.root.glob(f"*/*/{directory(job_id)}"):
            shutil.rmtree(found / (task_id or ""), ignore_errors=True)
