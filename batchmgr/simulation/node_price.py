"""What the nodes of a simulation cost an hour. Without a price there are hours, and no guess."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NodePrice:
    """The price of a node an hour, dedicated and spot; None if it is not known."""

    currency: str
    region: str
    as_of: str
    vm_size: str
    dedicated: float | None
    spot: float | None

    def cost(self, dedicated_hours: float, spot_hours: float) -> float | None:
        """Return what these hours cost, or None if a price that is needed is not known."""
        total = 0.0
        for hours, price in ((dedicated_hours, self.dedicated), (spot_hours, self.spot)):
            if hours:
                if price is None:
                    return None
                total += hours * price
        return total
