"""The registry of installed workloads. A workload is loaded when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from batchmgr.adapters.workload_discovery import WorkloadSource, installed_sources, named_source
from batchmgr.errors import InvalidJobError
from batchmgr.workload.workload_base import WorkloadBase


@dataclass(frozen=True, kw_only=True)
class WorkloadDescription:
    """What is known about a workload, also about one that can't be loaded.

    `distribution` and `version` are those of the installed package that provides the workload. They are empty
    if no package does. `problems` are sentences that say what is wrong. A workload without any can be used.
    """

    name: str
    distribution: str
    version: str
    package: str
    task_types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class WorkloadRegistry:
    """Workloads by name. One that can't be loaded does not affect the others.

    `loaders` return the classes of the workloads. Without them, the entry points of installed packages are
    used. `named` adds workloads as `package.module:Class`; they replace installed ones of the same name.

    >>> class EmptyWorkload(WorkloadBase): ...
    >>> registry = WorkloadRegistry({"empty": lambda: EmptyWorkload})
    >>> registry.names()
    ('empty',)
    >>> type(registry.load("empty")).__name__
    'EmptyWorkload'
    """

    def __init__(
        self,
        loaders: Mapping[str, Callable[[], object]] | None = None,
        *,
        named: Mapping[str, str] | None = None,
    ) -> None:
        if loaders is None:
            self._sources = installed_sources()
        else:
            self._sources = {name: WorkloadSource(load=load) for name, load in loaders.items()}
        self._sources |= {name: named_source(name, target) for name, target in (named or {}).items()}

    def names(self) -> tuple[str, ...]:
        """Return the names of all workloads, sorted."""
        return tuple(sorted(self._sources))

    def load(self, name: str) -> WorkloadBase:
        """Return the workload of this name. Raise InvalidJobError if there is none, or it can't be loaded."""
        source = self._sources.get(name)
        if source is None:
            known = ", ".join(self.names()) or "none"
            raise InvalidJobError(f"there is no workload {name!r}; installed: {known}", field="workload")
        try:
            workload_type = source.load()
            if isinstance(workload_type, type) and issubclass(workload_type, WorkloadBase):
                return workload_type(batch_client=None)
        except (Exception, SystemExit) as error:  # old scripts call exit() when they are imported
            raise InvalidJobError(
                f"workload {name!r} cannot be loaded: {type(error).__name__}: {error}", field="workload"
            ) from error
        raise InvalidJobError(
            f"workload {name!r} cannot be loaded: {workload_type!r} is not a WorkloadBase class",
            field="workload",
        )

    def describe(self) -> Iterator[WorkloadDescription]:
        """Load each workload, in the order of their names, and yield a description of it."""
        for name in self.names():
            yield self._description(name, self._sources[name])

    def _description(self, name: str, source: WorkloadSource) -> WorkloadDescription:
        try:
            workload = self.load(name)
        except InvalidJobError as error:
            distribution, version = source.provider(source.package)
            return WorkloadDescription(
                name=name,
                distribution=distribution,
                version=version,
                package=source.package,
                problems=(error.reason,),
            )
        distribution, version = source.provider(workload.package)
        return WorkloadDescription(
            name=name,
            distribution=distribution,
            version=version,
            package=workload.package,
            task_types=workload.entry_points.names,
            problems=tuple(_node_problems(workload)),
        )


def _node_problems(workload: WorkloadBase) -> Iterator[str]:
    package = workload.package
    try:
        startable = find_spec(f"{package}.__main__") is not None
    except (ImportError, ValueError):
        startable = False
    if not startable:
        yield f"{package} has no __main__.py, which nodes need to run `python3 -m {package}`: add one"
