"""The quotas of an account, and the cores of virtual machine sizes."""

import re
from dataclasses import dataclass
from typing import Final

from fakebatch.pool_nodes import NodeLimit
from fakebatch.store import Store
from fakebatch.stored_pool import StoredPool

_SIZE: Final = re.compile(r"(?:standard_|basic_)?([a-z]+)(\d+)(?:-(\d+))?[a-z]*(?:_v(\d+))?.*")
_D: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
_G: Final = {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
# The oldest series number their sizes. All others have the number of cores in the name.
_A: Final = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16}
_NUMBERED: Final[dict[tuple[str, str | None], dict[int, int]]] = {
    ("a", None): _A,
    **{(series, version): _D for series in ("d", "ds") for version in (None, "2")},
    **{(series, None): _G for series in ("g", "gs")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The quotas of an account. They are always limited: a mistyped number of nodes would fill the memory."""

    active_jobs: int = 300
    pools: int = 100
    dedicated_cores: int = 10_000
    low_priority_cores: int = 10_000


def cores_of(vm_size: str) -> int:
    """Return the number of cores of a virtual machine size, from its name; 1 if the name has no number."""
    match = _SIZE.fullmatch(vm_size.lower())
    if match is None:
        return 1
    series, number, constrained, version = match.groups()
    return int(constrained or _NUMBERED.get((series, version), {}).get(int(number), int(number))) or 1


def machine_count(record: StoredPool, *, dedicated: bool | None = None) -> int:
    """Return how many machines a pool has, all or of one kind. A preempted node has no machine."""
    return sum(
        1
        for node in record.nodes
        if dedicated in (None, node.dedicated)
        and (node.phase != "preempted" or node.id in record.in_transition)
    )


def core_limit(quotas: Quotas, store: Store, record: StoredPool, *, dedicated: bool) -> NodeLimit:
    """Return how many more nodes of a kind a pool can get within the core quota."""
    quota = quotas.dedicated_cores if dedicated else quotas.low_priority_cores
    in_use = sum(
        machine_count(pool, dedicated=dedicated) * cores_of(pool.pool.spec["vmSize"]) for pool in store.pools
    )
    room = max(quota - in_use, 0) // cores_of(record.pool.spec["vmSize"])
    if dedicated:
        return NodeLimit(room, "AccountCoreQuotaReached", "The specified account has reached core quota")
    message = "The specified account has reached low priority core quota"
    return NodeLimit(room, "AccountLowPriorityCoreQuotaReached", message)
