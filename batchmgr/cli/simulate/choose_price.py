"""The price of a VM size for a simulation, from the same table of prices that the app reads."""

from __future__ import annotations

from batchmgr.errors import SimulationError
from batchmgr.model.price_table import PriceTable
from batchmgr.simulation.node_price import NodePrice


def choose_price(table: PriceTable, vm_size: str | None) -> NodePrice:
    """Return the price of a VM size with Linux. Without a size, the table must have one only.

    Raise SimulationError if the table does not say it.
    """
    if vm_size is None:
        if len(table.sizes) != 1:
            raise SimulationError(f"the prices are of {len(table.sizes)} VM sizes: choose one with --vm-size")
        (vm_size,) = table.sizes
    price = table.price(vm_size)
    if price is None:
        raise SimulationError(f"there is no price for {vm_size}; there are: {', '.join(table.sizes)}")
    return NodePrice(
        currency=price.currency,
        region=price.region,
        as_of=price.as_of.date().isoformat(),
        vm_size=next(name for name in table.sizes if name.lower() == vm_size.lower()),
        dedicated=price.dedicated,
        spot=price.spot,
    )
