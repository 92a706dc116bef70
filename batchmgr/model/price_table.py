"""What nodes cost an hour: a table that somebody has made. Without a price there is no cost, and no guess."""

from datetime import datetime

import msgspec

from batchmgr.errors import SettingsError

MAX_TABLE = 1024 * 1024
"""How many bytes a table may have. One of all sizes of a region has a tenth of that."""


class NodePrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a node for an hour, as a dedicated and as a spot node; None if it is not known."""

    dedicated: float | None = None
    spot: float | None = None


class SizePrices(NodePrice, frozen=True, kw_only=True):
    """The prices of a VM size with Linux, and with Windows."""

    windows: NodePrice = NodePrice()


class UsedPrice(NodePrice, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The price of a job's nodes, and where it is from."""

    currency: str
    region: str
    as_of: datetime


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Prices by VM size, in one currency, of one region. `as_of` is when they were looked up."""

    currency: str
    region: str
    as_of: datetime
    sizes: dict[str, SizePrices]

    def price(self, vm_size: str, os: str = "linux") -> UsedPrice | None:
        """Return the price of a VM size, whose case does not matter; None if it is not in the table."""
        known = {name.lower(): prices for name, prices in self.sizes.items()}.get(vm_size.lower())
        if known is None:
            return None
        price = known.windows if os == "windows" else known
        return UsedPrice(
            currency=self.currency,
            region=self.region,
            as_of=self.as_of,
            dedicated=price.dedicated,
            spot=price.spot,
        )


def read_price_table(text: bytes, name: str) -> PriceTable:
    """Return the table in a JSON text. Raise SettingsError, which names where it is from."""
    try:
        table = msgspec.json.decode(text, type=PriceTable)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{name} is no table of prices: {error}") from error
    for size, prices in table.sizes.items():
        for price in (prices.dedicated, prices.spot, prices.windows.dedicated, prices.windows.spot):
            if price is not None and price < 0:
                raise SettingsError(f"{name}: the price of {size} is negative")
    return table
