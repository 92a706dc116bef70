"""What the tasks of a job have used, by their kind: counted once, when each of them has ended.

`docs/usage.md` defines each number. Azure Batch knows no processor time of a task, so there is none here.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import replace

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.price_table import UsedPrice
from batchmgr.plan.cut_text import cut
from batchmgr.plan.job_plan import RESERVED_PREFIX
from batchmgr.plan.task_kind import kind_of

MAX_KINDS = 40
"""How many kinds are counted apart, so that the record stays small."""

OTHER_KINDS = "(others)"
"""The kind of all tasks of further kinds."""

MAX_NAME = 64

IsSpot = Callable[[str], bool | None]
"""Says of a node id whether it is that of a spot node; None if that is not known."""

_CORES = re.compile(r"(?:[A-Za-z]+_)?[A-Za-z]+(?P<cores>\d+)(?:-(?P<constrained>\d+))?")


class KindUsage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the tasks of one kind have used, in seconds.

    `tasks` counts the ends of tasks, and `failed` the bad ones among them. `task_seconds` are those of their
    last attempts, `longest_seconds` the most of one. `slot_seconds` are the same times the slots that a task
    takes; `spot_slot_seconds` the part on spot nodes, and `unknown_slot_seconds` the part on nodes that were
    gone before anybody could look. `lost_attempts` counts attempts that were retried, or lost with their
    node; `lost_seconds` is how long those took that a poll has seen, which are `lost_seen`. `wait_seconds` is
    how long `waits` of them have waited until they first ran.
    """

    tasks: int = 0
    failed: int = 0
    task_seconds: float = 0.0
    longest_seconds: float = 0.0
    slot_seconds: float = 0.0
    spot_slot_seconds: float = 0.0
    unknown_slot_seconds: float = 0.0
    lost_attempts: int = 0
    lost_seen: int = 0
    lost_seconds: float = 0.0
    wait_seconds: float = 0.0
    waits: int = 0


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The nodes of a job's pool, as they were when a task was first seen there.

    `os` is `linux` or `windows`. `has_spot` and `has_dedicated`: of which kinds the pool had nodes.
    """

    pool_id: str
    vm_size: str = ""
    os: str = "linux"
    slots_per_node: int = 1
    has_dedicated: bool = True
    has_spot: bool = False

    @property
    def cores(self) -> int:
        """Return how many cores a node has by the name of its size; 0 if the name does not say so.

        Source: https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions

        >>> [NodeFacts(pool_id="p", vm_size=size).cores for size in ("Standard_D16s_v3", "standard_e4-2s_v5")]
        [16, 2]
        """
        match = _CORES.match(self.vm_size)
        return int(match["constrained"] or match["cores"]) if match else 0


class HeldNodes(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How long nodes were there for a job whose pool is its own, idle and starting ones included.

    `dedicated` and `spot` are how many there were at `seen_at`, the last look.
    """

    seen_at: datetime
    dedicated: int = 0
    spot: int = 0
    dedicated_seconds: float = 0.0
    spot_seconds: float = 0.0

    def seen(self, now: datetime, dedicated: int, spot: int) -> Self:
        """Return the sum after another look. Until then there were as many nodes as at the look before."""
        passed = max(0.0, (now - self.seen_at).total_seconds())
        return replace(
            self,
            seen_at=now,
            dedicated=dedicated,
            spot=spot,
            dedicated_seconds=round(self.dedicated_seconds + passed * self.dedicated, 3),
            spot_seconds=round(self.spot_seconds + passed * self.spot, 3),
        )


class Usage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the tasks of a job have used so far. `held` is only known of a pool of the job's own.

    `price` is that of its nodes when it ended, if there was one. `has_waits`: no task waits for another one,
    so that the time before its start is time without a node.
    """

    kinds: dict[str, KindUsage] = {}
    nodes: NodeFacts | None = None
    held: HeldNodes | None = None
    price: UsedPrice | None = None
    has_waits: bool = True

    def with_ends(self, tasks: Iterable[TaskSnapshot], is_spot: IsSpot) -> "Usage":
        """Return the usage with these tasks that have ended. Each end is given once."""
        added = dict[str, _Tally]()
        for task in tasks:
            kind = kind_of(task.task_id, task.display_name)
            if kind not in added:
                added[kind] = _Tally()
            added[kind].add(task, is_spot, has_waits=self.has_waits)
        kinds = dict(self.kinds)
        for kind, tally in added.items():
            name = cut(kind, MAX_NAME)
            if name not in kinds and len(kinds) >= MAX_KINDS:
                name = OTHER_KINDS
            kinds[name] = tally.added_to(kinds.get(name, _NOTHING))
        return replace(self, kinds=kinds)

    def with_lost_runs(self, runs: Iterable[tuple[str, float]]) -> "Usage":
        """Return the usage with these lost runs and no others: the kind of each, and its seconds."""
        kinds = {name: replace(kind, lost_seen=0, lost_seconds=0.0) for name, kind in self.kinds.items()}
        for kind, seconds in runs:
            name = cut(kind, MAX_NAME)
            name = name if name in kinds else OTHER_KINDS
            if name in kinds:
                lost = round(kinds[name].lost_seconds + seconds, 3)
                kinds[name] = replace(kinds[name], lost_seen=kinds[name].lost_seen + 1, lost_seconds=lost)
        return replace(self, kinds=kinds)


@dataclass(slots=True)
class _Tally:
    """Sums for the tasks of one kind. There are thousands at once: so nothing is made for each of them."""

    tasks: int = 0
    failed: int = 0
    task_seconds: float = 0.0
    longest_seconds: float = 0.0
    slot_seconds: float = 0.0
    spot_slot_seconds: float = 0.0
    unknown_slot_seconds: float = 0.0
    lost_attempts: int = 0
    wait_seconds: float = 0.0
    waits: int = 0

    def add(self, task: TaskSnapshot, is_spot: IsSpot, *, has_waits: bool) -> None:
        """Add a task that has ended."""
        start, end, attempts = task.start_time, task.end_time, task.retry_count + task.requeue_count
        self.tasks += 1
        self.failed += task.result != "success"
        self.lost_attempts += attempts
        if start is None or end is None:
            return
        runs = (end - start).total_seconds()
        if runs > 0:
            self.task_seconds += runs
            if runs > self.longest_seconds:  # a comparison takes a tenth of the time of `max`
                self.longest_seconds = runs
            self.slot_seconds += (slots := runs * task.required_slots)
            if spot := is_spot(task.node_id):
                self.spot_slot_seconds += slots
            elif spot is None:
                self.unknown_slot_seconds += slots
        if has_waits and task.creation_time and not attempts and not task.task_id.startswith(RESERVED_PREFIX):
            if (waited := (start - task.creation_time).total_seconds()) > 0:
                self.wait_seconds += waited
            self.waits += 1

    def added_to(self, usage: KindUsage) -> KindUsage:
        """Return the usage of the kind with what was added."""
        return KindUsage(
            tasks=usage.tasks + self.tasks,
            failed=usage.failed + self.failed,
            task_seconds=round(usage.task_seconds + self.task_seconds, 3),
            longest_seconds=round(max(usage.longest_seconds, self.longest_seconds), 3),
            slot_seconds=round(usage.slot_seconds + self.slot_seconds, 3),
            spot_slot_seconds=round(usage.spot_slot_seconds + self.spot_slot_seconds, 3),
            unknown_slot_seconds=round(usage.unknown_slot_seconds + self.unknown_slot_seconds, 3),
            lost_attempts=usage.lost_attempts + self.lost_attempts,
            lost_seen=usage.lost_seen,
            lost_seconds=usage.lost_seconds,
            wait_seconds=round(usage.wait_seconds + self.wait_seconds, 3),
            waits=usage.waits + self.waits,
        )


_NOTHING = KindUsage()
