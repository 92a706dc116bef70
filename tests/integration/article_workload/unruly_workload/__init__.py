"""A workload whose planning goes wrong in the way that the job's input `how` says. For any node."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from batchmgr import (
    InvalidJobError,
    JobManager,
    JobManagerBuilder,
    TaskSpecification,
    WorkloadBase,
    WorkloadTask,
)

if TYPE_CHECKING:
    from batchmgr import BatchClient


class KnownTask(WorkloadTask):
    """A task that a node can start."""

    def run(self) -> None:
        """Nothing."""


class ForgottenTask(KnownTask):
    """A task that was not registered."""


class UnrulyJobManager(JobManager):
    """Plans a job of one task, unless it is told how to fail."""

    def create_job(self) -> None:
        """Do what `how` says, which is the name of a method."""
        task = self.add_workload_task(KnownTask, {})
        getattr(self, self.inputs["how"])(task)

    def refuse(self, task: TaskSpecification) -> None:
        """As an author should."""
        raise InvalidJobError("must be 1 to 14, not 99", field="inputs.days")

    def stumble(self, task: TaskSpecification) -> None:
        """As any code may."""
        raise RuntimeError("no such station")

    def leave(self, task: TaskSpecification) -> None:
        """As old programs do."""
        sys.exit("usage: forecast DAYS")

    def leave_in_peace(self, task: TaskSpecification) -> None:
        """As old programs do when they think that all is well."""
        sys.exit(0)

    def die(self, task: TaskSpecification) -> None:
        """As a system without memory has it."""
        os.kill(os.getpid(), signal.SIGKILL)

    def add_forgotten(self, task: TaskSpecification) -> None:
        """Add a task that no node could start."""
        self.add_workload_task(ForgottenTask, {})

    def add_no_json(self, task: TaskSpecification) -> None:
        """Add a task with inputs that JSON can't say."""
        self.add_workload_task(KnownTask, {"stations": {"Uppsala", "Lund"}})

    def wait_for_stranger(self, task: TaskSpecification) -> None:
        """Let a task wait for one of another job."""
        task.depends_on.append(TaskSpecification(id="7"))

    def take_reserved_id(self, task: TaskSpecification) -> None:
        """Call a task as only batchmgr's own are called."""
        task.id = "batchmgr-mine"

    def change_job(self, task: TaskSpecification) -> None:
        """Say what the Batch job would have had to know before."""
        self.job.priority = 7


class UnrulyJobManagerBuilder(JobManagerBuilder):
    """Builds it."""

    job_manager_type = UnrulyJobManager


class UnrulyWorkload(WorkloadBase):
    """Goes wrong while it is planned."""

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client, UnrulyJobManagerBuilder)
        self._entry_points_repository.register_entry_point(KnownTask)
