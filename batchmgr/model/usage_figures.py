"""What is told of a job's usage: sums over its tasks, hours of nodes, and what they have cost.

`docs/usage.md` defines each figure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from batchmgr.model.price_table import UsedPrice
from batchmgr.model.usage import HeldNodes, KindUsage, Usage

HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class NodeHours:
    """Hours of nodes. `unknown` are those of nodes that were gone before anybody could look."""

    dedicated: float = 0.0
    spot: float = 0.0
    unknown: float = 0.0

    @property
    def total(self) -> float:
        """All hours."""
        return self.dedicated + self.spot + self.unknown


def total_of(kinds: Iterable[KindUsage]) -> KindUsage:
    """Return the usage of all kinds together."""
    names = KindUsage.__struct_fields__
    kinds = tuple(kinds)
    sums = {name: sum(getattr(kind, name) for kind in kinds) for name in names if name != "longest_seconds"}
    return KindUsage(longest_seconds=max((kind.longest_seconds for kind in kinds), default=0.0), **sums)


def hours_used(usage: Usage) -> NodeHours:
    """Return the hours of nodes that the tasks have used: a slot is a part of its node."""
    total, slots = total_of(usage.kinds.values()), usage.nodes.slots_per_node if usage.nodes else 1
    spot, unknown = total.spot_slot_seconds, total.unknown_slot_seconds
    part = slots * HOUR
    return NodeHours(
        dedicated=(total.slot_seconds - spot - unknown) / part, spot=spot / part, unknown=unknown / part
    )


def hours_idle(held: HeldNodes | None, used: NodeHours) -> NodeHours | None:
    """Return the hours in which nodes were there and ran no task, start included; None if unknown."""
    if held is None:
        return None
    dedicated, spot = held.dedicated_seconds / HOUR, held.spot_seconds / HOUR
    idle = NodeHours(dedicated=max(0.0, dedicated - used.dedicated), spot=max(0.0, spot - used.spot))
    return idle if used.unknown == 0 else None


def utilisation(usage: Usage) -> float | None:
    """Return the part of the slots of the job's own nodes in which tasks ran; None if that is not known.

    It may be more than 1 if nodes came and went between two looks.
    """
    if usage.held is None or usage.nodes is None:
        return None
    held = usage.held.dedicated_seconds + usage.held.spot_seconds
    slots = total_of(usage.kinds.values()).slot_seconds
    return round(slots / (held * usage.nodes.slots_per_node), 4) if held else None


def cost_of(hours: NodeHours | None, price: UsedPrice | None) -> float | None:
    """Return what these hours of nodes cost; None if a price that is needed is not known."""
    if hours is None or price is None or hours.unknown:
        return None
    cost = 0.0
    for used, each in ((hours.dedicated, price.dedicated), (hours.spot, price.spot)):
        if used and each is None:
            return None
        cost += used * (each or 0.0)
    return round(cost, 6)
