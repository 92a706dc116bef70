"""The workloads that are installed here, found by their entry points and loaded when asked for."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from batchmgr.errors import InvalidJobError
from batchmgr.workload.base import WorkloadBase

ENTRY_POINT_GROUP = "batchmgr.workloads"
"""The group in which a workload package declares its `WorkloadBase` class."""


class WorkloadRegistry:
    """Workloads by name. A broken one is found out when it is loaded, and disturbs no other.

    `loaders` answer the workload's class; without them, the installed packages' entry points do.

    >>> class EmptyWorkload(WorkloadBase): ...
    >>> registry = WorkloadRegistry({"empty": lambda: EmptyWorkload})
    >>> registry.names()
    ('empty',)
    >>> type(registry.load("empty")).__name__
    'EmptyWorkload'
    """

    def __init__(self, loaders: Mapping[str, Callable[[], object]] | None = None) -> None:
        if loaders is None:
            loaders = {point.name: point.load for point in entry_points(group=ENTRY_POINT_GROUP)}
        self._loaders = loaders

    def names(self) -> tuple[str, ...]:
        """The names of all workloads, sorted."""
        return tuple(sorted(self._loaders))

    def load(self, name: str) -> WorkloadBase:
        """The workload of this name. Raises `InvalidJobError` when there is none, or it cannot be loaded."""
        loader = self._loaders.get(name)
        if loader is None:
            known = ", ".join(self.names()) or "none"
            raise InvalidJobError(f"there is no workload {name!r}; installed: {known}", field="workload")
        try:
            workload_type = loader()
            if isinstance(workload_type, type) and issubclass(workload_type, WorkloadBase):
                return workload_type(batch_client=None)
        except (Exception, SystemExit) as error:  # an old script may call exit() when it is imported
            raise InvalidJobError(
                f"workload {name!r} cannot be loaded: {type(error).__name__}: {error}", field="workload"
            ) from error
        raise InvalidJobError(
            f"workload {name!r} cannot be loaded: {workload_type!r} is not a WorkloadBase class",
            field="workload",
        )
