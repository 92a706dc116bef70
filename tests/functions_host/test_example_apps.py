"""The example apps run as their READMEs say: by command, each in a process of its own, on Azurite."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import ResourceNotFoundError

from tests.functions_host.exchanges.host_process import HOST_ID, free_port, host_process, settings
from tests.functions_host.storage_account import StorageAccount, until

APPS = Path(__file__).parents[2] / "examples" / "functions"
NAMES = sorted(path.parent.name for path in APPS.glob("*/function_app.py"))


@asynccontextmanager
async def running(
    name: str, tmp_path: Path, *arguments: str, connection_string: str = "", **more: str
) -> AsyncIterator[tuple[aiohttp.ClientSession, dict[str, str]]]:
    """Run an app. Give a client of it, and the line that the host printed."""
    port, log = free_port(), tmp_path / "log"
    environment = settings(connection_string, port, **more)
    with host_process(APPS / name, port, log, environment, *arguments) as process:

        async def line() -> dict[str, str] | None:
            assert process.is_running, log.read_text()
            found = re.search(r'^\{"functions".*\}$', log.read_text(), re.MULTILINE)
            return json.loads(found[0]) if found else None

        ready = await until(line, 60)
        async with aiohttp.ClientSession(ready["functions"]) as http:
            yield http, ready


async def until_blob(storage: StorageAccount, container: str, name: str) -> Any:
    """Return the JSON of a blob as soon as it is there."""

    async def read() -> Any:
        try:
            blob = storage.blobs.get_blob_client(container, name)
            return json.loads(await (await blob.download_blob()).readall())
        except ResourceNotFoundError:
            return None

    return await until(read)


def test_each_app_is_listed_and_can_be_started() -> None:
    index = (APPS / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[(\w+)\]\(\1\)", index, re.MULTILINE)) == NAMES
    for name in NAMES:
        settings = json.loads((APPS / name / "local.settings.sample.json").read_text())
        assert settings["IsEncrypted"] is False
        assert "azure-functions" in (APPS / name / "requirements.txt").read_text()


async def test_an_order_is_priced_and_stored_and_a_bad_one_is_rejected(
    storage: StorageAccount, tmp_path: Path
) -> None:
    async with running("order_pipeline", tmp_path, connection_string=storage.connection_string) as (http, _):
        async with (
            http.put("/api/orders/1", json={"apple": 2, "melon": 1}) as good,
            http.put("/api/orders/2", json={"kiwi": 1}) as bad,
        ):
            assert (good.status, bad.status) == (202, 202)
        receipt, rejected = await asyncio.gather(
            until_blob(storage, "shop", "receipts/1.json"), until_blob(storage, "shop", "rejected/2.json")
        )
    assert receipt == {"order": "1", "items": {"apple": 2, "melon": 1}, "total": 4.0}
    assert rejected == {"order": "2", "items": {"kiwi": 1}}
    assert await storage.names("shop") == ["receipts/1.json", "rejected/2.json"]
    assert (tmp_path / "log").read_text().count("'Functions.price_order' (Failed") == 3


async def test_a_report_that_was_due_while_the_host_was_off_is_written_once_and_late(
    storage: StorageAccount, tmp_path: Path
) -> None:
    started = datetime.now(UTC)
    far = started + timedelta(hours=12)  # so that no run is due while the test runs
    due = far.replace(minute=30, second=0, microsecond=0) - timedelta(days=2)
    status = {"Last": due - timedelta(days=1), "Next": due, "LastUpdated": due - timedelta(days=1)}
    name = f"timers/{HOST_ID}/Host.Functions.write_report/status"
    await storage.blobs.create_container("azure-webjobs-hosts")
    await storage.upload("azure-webjobs-hosts", name, json.dumps(status, default=datetime.isoformat))
    options = {"ReportSchedule": f"0 30 {far.hour} * * *", "TZ": "UTC"}
    async with running("daily_report", tmp_path, connection_string=storage.connection_string, **options) as (
        http,
        _,
    ):
        report = await until_blob(storage, "reports", f"{started:%Y-%m-%d}.json")
        assert report["late"] is True
        stored = await until_status(storage, name, started)
        assert started < stored["Next"] <= started + timedelta(days=1)
        async with http.post("/admin/functions/write_report", json={}) as answer:
            assert answer.status == 202

        async def both_runs() -> bool:
            return (tmp_path / "log").read_text().count("Executed 'Functions.write_report' (Succeeded") == 2

        await until(both_runs)
        assert (await until_blob(storage, "reports", f"{started:%Y-%m-%d}.json"))["late"] is False


async def until_status(storage: StorageAccount, name: str, after: datetime) -> dict[str, datetime]:
    """Return the moments of a timer's status as soon as a run after `after` is stored."""

    async def stored() -> dict[str, datetime] | None:
        document = await until_blob(storage, "azure-webjobs-hosts", name)
        moments = {key: datetime.fromisoformat(value) for key, value in document.items()}
        return moments if moments["Last"] >= after else None

    status: dict[str, datetime] = await until(stored)
    return status


@pytest.fixture
async def notes(tmp_path: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, dict[str, str]]]:
    """The notes and their keys. No storage."""
    async with running("notes_api", tmp_path, "--enable-auth") as started:
        yield started


async def test_notes_have_routes_with_constraints_and_need_keys(
    notes: tuple[aiohttp.ClientSession, dict[str, str]],
) -> None:
    http, keys = notes
    function, master = {"x-functions-key": keys["functionKey"]}, {"x-functions-key": keys["masterKey"]}

    async def call(method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with http.request(method, path, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    assert await call("POST", "/v1/notes", data="buy milk") == (401, None)
    assert await call("POST", "/v1/notes", data="buy milk", headers=function) == (201, {"id": 1})
    assert await call("POST", f"/v1/notes?code={keys['functionKey']}", data="more milk") == (201, {"id": 2})
    assert await call("GET", "/v1/notes/1") == (200, {"id": 1, "text": "buy milk"})
    assert await call("GET", "/v1/notes/milk") == (200, [1, 2])
    assert await call("GET", "/v1/notes/mi") == (404, None)
    assert await call("GET", "/v1/notes/3") == (404, {"error": "no such note"})
    assert await call("GET", "/v1/notes/99999999999") == (404, None)
    assert await call("DELETE", "/v1/notes", headers=function) == (401, None)
    assert await call("DELETE", "/v1/notes", headers=master) == (204, None)
    assert await call("GET", "/v1/notes/milk") == (200, [])
