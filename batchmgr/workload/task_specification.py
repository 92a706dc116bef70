"""The specification of a task: its inputs, files, dependencies and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.task_options import (
    ApplicationPackageReference,
    ContainerSettings,
    ExitConditions,
    MultiInstanceSettings,
    UserIdentity,
)

if TYPE_CHECKING:
    from typing import TypeAlias

    JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
    """What a task's inputs may hold."""


@dataclass(eq=False)
class TaskSpecification:
    """One task of a job. `JobManager.add_workload_task` returns it; change the fields that should differ.

    >>> task = TaskSpecification(id="1", task_type="CountTask", inputs={"window": 0})
    >>> task.max_task_retry_count = 2
    >>> task.input_files.append(InputFileSpecification(
    ...     container_name="genomes", source_blob_path="lambda.fa", target_file_path="genome.fa"
    ... ))

    `id` is set by the job manager: "1", "2", …. `task_type` is the name of the task's class; it is empty for
    a task that runs a `command_line`. `depends_on` are other tasks of the same job.

    `max_task_retry_count` is how often Azure Batch runs the task again, whatever made it fail; -1 means
    without limit. `max_wall_clock_time` limits how long it may run. `retention_time` is how long the node
    keeps its directory (7 days by default). `required_slots` is how many of a node's task slots it takes.

    For the other fields see `ExitConditions`, `ContainerSettings`, `UserIdentity`,
    `ApplicationPackageReference` and `MultiInstanceSettings`.
    """

    id: str
    task_type: str = ""
    command_line: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    depends_on: list[TaskSpecification] = field(default_factory=list)
    display_name: str = ""
    input_files: list[InputFileSpecification] = field(default_factory=list)
    output_files: list[OutputFileSpecification] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    max_task_retry_count: int = 0
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    required_slots: int = 1
    exit_conditions: ExitConditions | None = None
    container_settings: ContainerSettings | None = None
    user_identity: UserIdentity | None = None
    application_packages: list[ApplicationPackageReference] = field(default_factory=list)
    multi_instance_settings: MultiInstanceSettings | None = None


class PlannedTask(TaskSpecification):
    """What is left of a task that `create_job` has yielded: its id, for the tasks that wait for it.

    The rest has been taken over into the plan. To read or change it is an error of the workload.
    """

    _owner: object

    @classmethod
    def take_over(cls, task: TaskSpecification, owner: object) -> None:
        """Make the specification one of a planned task, and let go of what it held."""
        task_id = task.id
        task.__class__ = cls
        task.__dict__ = {"id": task_id, "_owner": owner}

    def __repr__(self) -> str:
        return f"PlannedTask(id={self.id!r})"

    def __getattribute__(self, name: str) -> Any:
        if name in _TAKEN_OVER:
            raise _too_late(self.id)
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _TAKEN_OVER or name == "id":
            raise _too_late(self.id)
        super().__setattr__(name, value)


_TAKEN_OVER = frozenset(item.name for item in fields(TaskSpecification)) - {"id"}


def _too_late(task_id: str) -> InvalidJobError:
    return InvalidJobError(f"task {task_id!r} was yielded, and is planned: change a task before you yield it")
