"""The task types of a workload, by the name under which a node starts them."""

from __future__ import annotations

from typing import Any

from batchmgr.errors import UnknownTaskTypeError
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.workload.workload_task import FinalizeTask, WorkloadTask, WorkloadTaskBuilder


@frozen_dataclass
class EntryPoint:
    """A task type and the builder that makes its tasks."""

    task_type: type[WorkloadTask[Any]]
    builder_type: type[WorkloadTaskBuilder]


class EntryPointsRepository:
    """The task types of one workload. The name of a task type is the name of its class.

    >>> class CountTask(WorkloadTask):
    ...     def run(self) -> None: ...
    >>> repository = EntryPointsRepository()
    >>> repository.register_entry_point(CountTask)
    >>> repository.find("CountTask").task_type is CountTask
    True
    """

    def __init__(self) -> None:
        self._entry_points: dict[str, EntryPoint] = {}
        self.finalize_entry_point: EntryPoint = EntryPoint(
            task_type=FinalizeTask, builder_type=WorkloadTaskBuilder
        )
        """The FinalizeTask and its builder. The default FinalizeTask does nothing."""

    def register_entry_point(
        self,
        task_type: type[WorkloadTask[Any]],
        builder_type: type[WorkloadTaskBuilder] = WorkloadTaskBuilder,
    ) -> None:
        """Register a task type, so that nodes can start it.

        Raise `ValueError` if a task type of the same name is registered.
        """
        name = task_type.__name__
        if name in self._entry_points:
            taken = self._entry_points[name].task_type
            raise ValueError(
                f"Two task types are named {name}: {taken.__module__}.{taken.__qualname__} and "
                f"{task_type.__module__}.{task_type.__qualname__}. Register each class once; "
                "rename one of two classes that have the same name."
            )
        self._entry_points[name] = EntryPoint(task_type=task_type, builder_type=builder_type)

    def register_finalize_task(
        self,
        task_type: type[FinalizeTask[Any]],
        builder_type: type[WorkloadTaskBuilder] = WorkloadTaskBuilder,
    ) -> None:
        """Register the FinalizeTask that runs at the end of every job of the workload."""
        self.finalize_entry_point = EntryPoint(task_type=task_type, builder_type=builder_type)

    @property
    def has_own_finalize_task(self) -> bool:
        """Return whether the workload registered a FinalizeTask."""
        return self.finalize_entry_point.task_type is not FinalizeTask

    def is_registered(self, task_type: type[WorkloadTask[Any]]) -> bool:
        """Return whether this class is registered under its name."""
        entry_point = self._entry_points.get(task_type.__name__)
        return entry_point is not None and entry_point.task_type is task_type

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all task types, sorted."""
        return tuple(sorted(self._entry_points))

    def find(self, name: str) -> EntryPoint:
        """Return the task type of this name. Raise `UnknownTaskTypeError` if there is none."""
        try:
            return self._entry_points[name]
        except KeyError:
            raise UnknownTaskTypeError(name, self.names) from None
