"""What callers are told of a job's usage and cost. `docs/usage.md` defines each figure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from batchmgr.model.price_table import PriceTable, UsedPrice
from batchmgr.model.usage import KindUsage, Usage
from batchmgr.model.usage_figures import (
    NodeHours,
    cost_of,
    hours_idle,
    hours_used,
    total_of,
    utilisation,
)


class UsagePart(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The base of the parts of this answer: a figure that is not known is left out."""


class KindUsageAnswer(UsagePart, frozen=True, kw_only=True):
    """What the tasks of one kind have used that have ended. Times are in seconds."""

    kind: str
    tasks: int
    failed: int = 0
    task_seconds: float
    longest_seconds: float
    slot_seconds: float
    lost_attempts: int = 0
    lost_seen: int = 0
    lost_seconds: float = 0.0
    mean_wait_seconds: float | None = None


class NodeHoursAnswer(UsagePart, frozen=True, kw_only=True):
    """Hours of nodes. `unknown`: of nodes that were gone before anybody could look what they were."""

    dedicated: float = 0.0
    spot: float = 0.0
    unknown: float = 0.0


class CostAnswer(UsagePart, frozen=True, kw_only=True):
    """What nodes have cost by a table of prices, and when that was looked up.

    `used`: while tasks ran. `idle`: nodes of the job's own pool, while they started or ran no task.
    """

    currency: str
    region: str
    as_of: datetime
    used: float
    idle: float | None = None


class UsageAnswer(UsagePart, frozen=True, kw_only=True):
    """What a job has used: of its tasks that have ended, and of the nodes that they ran on."""

    tasks: int
    failed: int = 0
    task_seconds: float
    slot_seconds: float
    lost_attempts: int = 0
    lost_seen: int = 0
    lost_seconds: float = 0.0
    mean_wait_seconds: float | None = None
    vm_size: str = ""
    os: str = ""
    slots_per_node: int = 0
    core_hours: float | None = None
    node_hours_used: NodeHoursAnswer
    node_hours_idle: NodeHoursAnswer | None = None
    utilisation: float | None = None
    cost: CostAnswer | None = None
    kinds: Sequence[KindUsageAnswer] = ()


def usage_answer(usage: Usage, prices: PriceTable | None = None) -> UsageAnswer:
    """Return the usage of a job, with its cost if all that is needed of the price is known.

    A job that has ended keeps the price that it had then.
    """
    price = usage.price
    if price is None and prices is not None and usage.nodes is not None:
        price = prices.price(usage.nodes.vm_size, usage.nodes.os)
    total, nodes, used = total_of(usage.kinds.values()), usage.nodes, hours_used(usage)
    idle = hours_idle(usage.held, used)
    return UsageAnswer(
        tasks=total.tasks,
        failed=total.failed,
        task_seconds=_rounded(total.task_seconds),
        slot_seconds=_rounded(total.slot_seconds),
        lost_attempts=total.lost_attempts,
        lost_seen=total.lost_seen,
        lost_seconds=_rounded(total.lost_seconds),
        mean_wait_seconds=_mean_wait(total),
        vm_size=nodes.vm_size if nodes else "",
        os=nodes.os if nodes else "",
        slots_per_node=nodes.slots_per_node if nodes else 0,
        core_hours=_rounded(used.total * nodes.cores) if nodes and nodes.cores else None,
        node_hours_used=_hours(used),
        node_hours_idle=_hours(idle) if idle is not None else None,
        utilisation=utilisation(usage),
        cost=_cost(used, idle, price),
        kinds=[_kind(name, kind) for name, kind in usage.kinds.items()],
    )


def _kind(name: str, usage: KindUsage) -> KindUsageAnswer:
    return KindUsageAnswer(
        kind=name,
        tasks=usage.tasks,
        failed=usage.failed,
        task_seconds=usage.task_seconds,
        longest_seconds=usage.longest_seconds,
        slot_seconds=usage.slot_seconds,
        lost_attempts=usage.lost_attempts,
        lost_seen=usage.lost_seen,
        lost_seconds=usage.lost_seconds,
        mean_wait_seconds=_mean_wait(usage),
    )


def _cost(used: NodeHours, idle: NodeHours | None, price: UsedPrice | None) -> CostAnswer | None:
    cost = cost_of(used, price)
    if cost is None or price is None:
        return None
    return CostAnswer(
        currency=price.currency,
        region=price.region,
        as_of=price.as_of,
        used=cost,
        idle=cost_of(idle, price),
    )


def _mean_wait(usage: KindUsage) -> float | None:
    return _rounded(usage.wait_seconds / usage.waits) if usage.waits else None


def _hours(hours: NodeHours) -> NodeHoursAnswer:
    known = {"dedicated": hours.dedicated, "spot": hours.spot, "unknown": hours.unknown}
    return NodeHoursAnswer(**{name: _rounded(value) for name, value in known.items() if value > 0})


def _rounded(value: float) -> float:
    return round(value, 4)
