"""The table of prices is made of Azure's public price list, and is what the app reads."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batchmgr.cli import main
from batchmgr.model.price_table import read_price_table

Capture = pytest.CaptureFixture[str]
SIZE = "Standard_D4s_v3"


def price(size: str, amount: float, **fields: Any) -> dict[str, Any]:
    return {
        "armSkuName": size,
        "skuName": size.removeprefix("Standard_"),
        "meterName": size.removeprefix("Standard_"),
        "productName": "Virtual Machines Dsv3 Series",
        "retailPrice": amount,
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "effectiveStartDate": "2026-01-01T00:00:00Z",
        **fields,
    }


ITEMS = [
    price(SIZE, 0.25, effectiveStartDate="2025-01-01T00:00:00Z"),
    price(SIZE, 0.24),
    price(SIZE, 0.05, skuName="D4s v3 Spot", meterName="D4s v3 Spot"),
    price(SIZE, 0.06, skuName="D4s v3 Low Priority"),
    price(SIZE, 0.42, productName="Virtual Machines Dsv3 Series Windows"),
    price(SIZE, 900.0, unitOfMeasure="1 Month"),
    price(SIZE, 900.0, type="Reservation"),
    price("Standard_E2_v5", 0.0),
    price("Standard_F2s_v2", 0.1, productName="Fsv2 Cloud Services"),
]


class PriceList:
    """A price list of two pages, which is empty for the region `nowhere`, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        listed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed.asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(listed.page(self.path)).encode())

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/prices"

    def page(self, path: str) -> dict[str, Any]:
        if "nowhere" in path:
            return {"Items": [], "NextPageLink": None}
        if "page=2" in path:
            return {"Items": ITEMS[4:], "NextPageLink": None}
        return {"Items": ITEMS[:4], "NextPageLink": f"{self.url}?page=2"}


@pytest.fixture
def price_list() -> Iterator[PriceList]:
    listed = PriceList()
    thread = threading.Thread(target=listed.server.serve_forever, args=(0.01,))
    thread.start()
    yield listed
    listed.server.shutdown()
    thread.join()
    listed.server.server_close()


def test_the_prices_of_a_region_become_a_table_that_the_app_reads(
    price_list: PriceList, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "prices.json"
    words = [
        "prices",
        "fetch",
        "westeurope",
        "--currency",
        "EUR",
        "--to",
        str(file),
        "--from",
        price_list.url,
    ]
    assert main(words) == 0
    query = parse_qs(urlsplit(price_list.asked[0]).query)
    assert query["currencyCode"] == ["'EUR'"]
    assert "armRegionName eq 'westeurope'" in query["$filter"][0]
    assert capsys.readouterr().err == f"The prices of 1 VM sizes are in {file}.\n"
    table = read_price_table(file.read_bytes(), "prices.json")
    assert (table.currency, table.region, list(table.sizes)) == ("EUR", "westeurope", [SIZE])
    linux, windows = table.price(SIZE), table.price(SIZE, "windows")
    assert linux is not None
    assert windows is not None
    assert (linux.dedicated, linux.spot, windows.dedicated, windows.spot) == (0.24, 0.05, 0.42, None)


def test_what_is_no_region_or_no_price_list_is_told(price_list: PriceList, capsys: Capture) -> None:
    assert main(["prices", "fetch", "West Europe' or '1", "--from", price_list.url]) == 2
    assert price_list.asked == []
    assert main(["prices", "fetch", "nowhere", "--from", price_list.url]) == 1
    assert "has no prices of VMs in 'nowhere'" in capsys.readouterr().err
    assert main(["prices", "fetch", "westeurope", "--from", "http://127.0.0.1:9/x"]) == 1
    assert "can't be reached" in capsys.readouterr().err
