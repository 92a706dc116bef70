"""`batchmgr prices`: writes the table of prices by which costs are told, from Azure's public price list.

Source: https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer

from batchmgr.cli import COMMANDS
from batchmgr.cli.arguments import HELP_NAMES, argument, option
from batchmgr.errors import AppError, AppUnavailableError
from batchmgr.model.price_table import NodePrice, PriceTable, SizePrices

PRICE_LIST = "https://prices.azure.com/api/retail/prices"
REGION = re.compile(r"[a-z0-9]+")
CURRENCY = re.compile(r"[A-Z]{3}")
TIMEOUT_S = 60.0
MOST_PAGES = 500
"""A region has about forty pages of a hundred prices."""

app = typer.Typer(
    help=COMMANDS["prices"],
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings=HELP_NAMES,
)


@app.callback()
def prices() -> None:
    """Have commands of its own: `fetch` is one, and the only one."""


@app.command(help="fetch the prices of all VM sizes of a region, which takes about a minute")
def fetch(
    region: Annotated[str, argument("REGION", "the region as Azure names it, such as westeurope")],
    currency: Annotated[str, option("--currency", text="the currency, such as EUR (default USD)")] = "USD",
    to: Annotated[
        Path | None, option("--to", metavar="FILE", text="write it into this file (default: print it)")
    ] = None,
    source: Annotated[
        str, option("--from", metavar="URL", text=f"the price list (default {PRICE_LIST})")
    ] = PRICE_LIST,
) -> int:
    """Fetch the prices, and write them as a table. Return 0."""
    if not (REGION.fullmatch(region) and CURRENCY.fullmatch(currency)):
        raise typer.BadParameter("give a region such as westeurope, and a currency such as EUR")
    with httpx.Client(timeout=TIMEOUT_S) as http:
        table = price_table(_items(http, source, region, currency), region, currency, datetime.now(UTC))
    if not table.sizes:
        raise AppError(f"{source} has no prices of VMs in {region!r}: is that a region, such as westeurope?")
    text = msgspec.json.format(msgspec.json.encode(table), indent=2)
    if to is None:
        print(text.decode())
    else:
        to.write_bytes(text + b"\n")
        print(f"The prices of {len(table.sizes):,} VM sizes are in {to}.", file=sys.stderr)
    return 0


def price_table(items: Iterator[dict[str, Any]], region: str, currency: str, as_of: datetime) -> PriceTable:
    """Return the table of what a price list says of VMs by the hour. Of several prices, the newest counts."""
    found = dict[tuple[str, str, str], tuple[str, float]]()
    for item in items:
        kind = _kind(item)
        if kind is None:
            continue
        key, since = (str(item["armSkuName"]), *kind), str(item.get("effectiveStartDate", ""))
        if key not in found or since > found[key][0]:
            found[key] = (since, float(item["retailPrice"]))
    sizes = {}
    for name in sorted({name for name, _, _ in found}):
        price = {
            (os, what): found[name, os, what][1]
            for os in ("linux", "windows")
            for what in ("dedicated", "spot")
            if (name, os, what) in found
        }
        sizes[name] = SizePrices(
            dedicated=price.get(("linux", "dedicated")),
            spot=price.get(("linux", "spot")),
            windows=NodePrice(
                dedicated=price.get(("windows", "dedicated")), spot=price.get(("windows", "spot"))
            ),
        )
    return PriceTable(currency=currency, region=region, as_of=as_of, sizes=sizes)


def _kind(item: dict[str, Any]) -> tuple[str, str] | None:
    """Return the operating system, and `spot` or `dedicated`; None for a price of anything else."""
    is_by_hour = item.get("type") == "Consumption" and item.get("unitOfMeasure") == "1 Hour"
    if not is_by_hour or not item.get("armSkuName"):
        return None
    sku, product = f"{item.get('skuName', '')} {item.get('meterName', '')}", str(item.get("productName", ""))
    if "Low Priority" in sku or "Cloud Services" in product or not item.get("retailPrice"):
        return None
    return "windows" if "Windows" in product else "linux", "spot" if "Spot" in sku else "dedicated"


def _items(http: httpx.Client, source: str, region: str, currency: str) -> Iterator[dict[str, Any]]:
    """Yield the prices of a region, page by page."""
    service = "serviceName eq 'Virtual Machines' and priceType eq 'Consumption'"
    wanted = f"{service} and armRegionName eq '{region}'"
    link: str | None = str(httpx.URL(source, params={"currencyCode": f"'{currency}'", "$filter": wanted}))
    for _ in range(MOST_PAGES):
        if not link:
            return
        page = _page(http, link, source)
        yield from page["Items"]
        link = page.get("NextPageLink")


def _page(http: httpx.Client, link: str, source: str) -> dict[str, Any]:
    try:
        answer = http.get(link)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        page["Items"]
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise AppError(f"{source} answered {status}", status=status) from error
    except httpx.HTTPError as error:
        raise AppUnavailableError(f"{source} can't be reached: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise AppError(f"{source} does not answer as a price list does") from error
    return page
