"""Discovery of workloads: from the entry points of installed packages, and from a setting.

No workload is imported here. A problem with one package affects only the workloads of that package.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions, packages_distributions, version

ENTRY_POINT_GROUP = "batchmgr.workloads"
"""The group in which a workload package declares its `WorkloadBase` class."""

_FILE = "entry_points.txt"


@dataclass(frozen=True, kw_only=True)
class WorkloadSource:
    """Where a workload comes from. `load` imports its module and returns what should be its class.

    `distribution` is the installed package that declares the workload; it is empty if a setting does.
    """

    load: Callable[[], object]
    module: str = ""
    distribution: str = ""
    version: str = ""

    @property
    def package(self) -> str:
        """Return the top-level package of the module."""
        return self.module.partition(".")[0]

    def provider(self, package: str) -> tuple[str, str]:
        """Return name and version of the distribution that declares it or has this package, or ("", "")."""
        if self.distribution:
            return self.distribution, self.version
        owners = packages_distributions().get(package, [])
        return (owners[0], version(owners[0])) if owners else ("", "")


def installed_sources() -> dict[str, WorkloadSource]:
    """Return the workloads that installed packages declare, by name."""
    declared: dict[str, list[WorkloadSource]] = defaultdict(list)
    seen: set[str] = set()
    for distribution in distributions():
        name = _name(distribution)
        key = name.lower().replace("_", "-")
        if key in seen:  # Python imports the first one it finds
            continue
        seen.add(key)
        for point in _entry_points(distribution, name):
            declared[point.name].append(_declared(point, distribution, name))
    return {name: found[0] if len(found) == 1 else _conflict(found) for name, found in declared.items()}


def named_source(name: str, target: str) -> WorkloadSource:
    """Return the workload whose class is `target`, such as `package.module:Class`."""
    point = EntryPoint(name=name, value=target, group=ENTRY_POINT_GROUP)
    return WorkloadSource(load=point.load, module=target.partition(":")[0])


def _name(distribution: Distribution) -> str:
    try:
        return str(distribution.metadata["Name"])
    except Exception:  # half removed or damaged: each Python version raises another error
        return "?"


def _entry_points(distribution: Distribution, name: str) -> Iterable[EntryPoint]:
    try:
        if ENTRY_POINT_GROUP not in (distribution.read_text(_FILE) or ""):
            return ()
        return distribution.entry_points.select(group=ENTRY_POINT_GROUP)
    except Exception:  # the file can hold anything
        return (EntryPoint(name=name, value=_FILE, group=ENTRY_POINT_GROUP),)


def _declared(point: EntryPoint, distribution: Distribution, name: str) -> WorkloadSource:
    module, _, class_name = (part.strip() for part in point.value.partition(":"))
    if point.value == _FILE:
        return _unusable(
            f"the {_FILE} of the installed package {name} is damaged: install the package again", name
        )

    def load() -> object:
        if not module or not class_name:
            raise ValueError(f"its entry point is {point.value!r}: it must be package.module:Class")
        return point.load()

    return WorkloadSource(load=load, module=module, distribution=name, version=distribution.version)


def _conflict(sources: Iterable[WorkloadSource]) -> WorkloadSource:
    owners = " and ".join(sorted(source.distribution for source in sources))
    return _unusable(
        f"{owners} are installed, and each declares a workload of this name: rename one, or uninstall one"
    )


def _unusable(reason: str, distribution: str = "") -> WorkloadSource:
    def load() -> object:
        raise ValueError(reason)

    return WorkloadSource(load=load, distribution=distribution)
