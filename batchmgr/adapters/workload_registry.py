"""The workloads that are known here, loaded when asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from batchmgr.adapters.workload_discovery import WorkloadSource, installed_sources, named_source
from batchmgr.errors import InvalidJobError
from batchmgr.workload.workload_base import WorkloadBase


@dataclass(frozen=True, kw_only=True)
class WorkloadDescription:
    """What is known of a workload, broken or not.

    `distribution` and its `version` are those of the installed package that provides it: empty when its code
    is found in none. `problems` are sentences that say what is wrong; a workload without any can be used.
    """

    name: str
    distribution: str
    version: str
    package: str
    task_types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class WorkloadRegistry:
    """Workloads by name. A broken one is found out when it is loaded, and disturbs no other.

    `loaders` answer the workload's class; without them, the installed packages' entry points do. `named` adds
    workloads as `package.module:Class`; each stands before an installed one of the same name.

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
        """The names of all workloads, sorted."""
        return tuple(sorted(self._sources))

    def load(self, name: str) -> WorkloadBase:
        """The workload of this name. Raises `InvalidJobError` when there is none, or it cannot be loaded."""
        source = self._sources.get(name)
        if source is None:
            known = ", ".join(self.names()) or "none"
            raise InvalidJobError(f"there is no workload {name!r}; installed: {known}", field="workload")
        try:
            workload_type = source.load()
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

    def describe(self) -> Iterator[WorkloadDescription]:
        """Load one workload after the other, in the order of their names, and tell what each is."""
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
            problems=tuple(_shortcomings(workload)),
        )


def _shortcomings(workload: WorkloadBase) -> Iterator[str]:
    package = workload.package
    try:
        startable = find_spec(f"{package}.__main__") is not None
    except (ImportError, ValueError):
        startable = False
    if not startable:
        yield f"{package} has no __main__.py, so no node can start `python3 -m {package}`"
