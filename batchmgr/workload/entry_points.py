"""Which tasks a workload has, by the name under which the node starts them."""

from __future__ import annotations

from typing import Any

from batchmgr.errors import UnknownTaskTypeError
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.workload.workload_task import FinalizeTask, WorkloadTask, WorkloadTaskBuilder


@frozen_dataclass
class EntryPoint:
    """A kind of task, and what builds it."""

    task_type: type[WorkloadTask[Any]]
    builder_type: type[WorkloadTaskBuilder]


class EntryPointsRepository:
    """The kinds of tasks of one workload. Each has a name of its own: that of its class.

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
        """The FinalizeTask and its builder: the default one until another is registered."""

    def register_entry_point(
        self,
        task_type: type[WorkloadTask[Any]],
        builder_type: type[WorkloadTaskBuilder] = WorkloadTaskBuilder,
    ) -> None:
        """Make a kind of task known. Raises `ValueError` when its name is taken."""
        name = task_type.__name__
        if name in self._entry_points:
            taken = self._entry_points[name].task_type
            raise ValueError(
                f"Two task types are named {name}: {taken.__module__}.{taken.__qualname__} and "
                f"{task_type.__module__}.{task_type.__qualname__}. Register each once; rename one of two."
            )
        self._entry_points[name] = EntryPoint(task_type=task_type, builder_type=builder_type)

    def register_finalize_task(
        self,
        task_type: type[FinalizeTask[Any]],
        builder_type: type[WorkloadTaskBuilder] = WorkloadTaskBuilder,
    ) -> None:
        """Let this FinalizeTask run at the end of every job, in place of the one that does nothing."""
        self.finalize_entry_point = EntryPoint(task_type=task_type, builder_type=builder_type)

    @property
    def has_own_finalize_task(self) -> bool:
        """Whether one was registered in place of the default one."""
        return self.finalize_entry_point.task_type is not FinalizeTask

    def is_registered(self, task_type: type[WorkloadTask[Any]]) -> bool:
        """Whether a node can start this very class by its name."""
        entry_point = self._entry_points.get(task_type.__name__)
        return entry_point is not None and entry_point.task_type is task_type

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all kinds of tasks, sorted."""
        return tuple(sorted(self._entry_points))

    def find(self, name: str) -> EntryPoint:
        """The kind of task of this name. Raises `UnknownTaskTypeError` when the workload has none."""
        try:
            return self._entry_points[name]
        except KeyError:
            raise UnknownTaskTypeError(name, self.names) from None
