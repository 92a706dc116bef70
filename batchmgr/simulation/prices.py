"""What nodes cost: a table of prices an hour. Without a price there are hours, and no guess."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchmgr.errors import SimulationError


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


def read_price(text: str, vm_size: str | None) -> NodePrice:
    """Return the price of a VM size from a table in JSON. Raise SimulationError.

    The table has `currency`, `region`, `asOf` and `sizes`, by VM size, each with `dedicated` and `spot`.
    Without a size, the table must have one only.
    """
    try:
        table: Mapping[str, Any] = json.loads(text)
        sizes = {str(name).lower(): (name, prices) for name, prices in table["sizes"].items()}
        if vm_size is None:
            if len(sizes) != 1:
                raise SimulationError(f"the prices are of {len(sizes)} VM sizes: choose one with --vm-size")
            vm_size = next(iter(sizes))
        if vm_size.lower() not in sizes:
            raise SimulationError(f"there is no price for {vm_size}; there are: {', '.join(table['sizes'])}")
        name, prices = sizes[vm_size.lower()]
        return NodePrice(
            currency=str(table["currency"]),
            region=str(table["region"]),
            as_of=str(table["asOf"]),
            vm_size=name,
            dedicated=_price(prices.get("dedicated")),
            spot=_price(prices.get("spot")),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise SimulationError(f"the prices are no table of prices: {error}") from error
    except KeyError as error:
        raise SimulationError(f"the prices lack {error.args[0]!r}") from error


def _price(given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or given < 0:
        raise ValueError(f"{given!r} is no price")
    return float(given)
