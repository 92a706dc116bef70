"""Timer functions fire as in the real host."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from functions_host.job_host import JobHost
from functions_host.timer_schedule import parse_schedule
from functions_host.timer_status import ScheduleStatus
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until

STATE = "azure-webjobs-hosts"
STATUS = "timers/testhost/Host.Functions.on_tick/status"
NOW = datetime(2024, 6, 1, 12, 0, 30, tzinfo=UTC)
HOURLY = parse_schedule("0 0 * * * *")


async def stored_status(storage: StorageAccount) -> dict[str, Any]:
    blob = storage.blobs.get_blob_client(STATE, STATUS)
    document: dict[str, Any] = json.loads(await (await blob.download_blob()).readall())
    return document


async def store_status(storage: StorageAccount, status: ScheduleStatus) -> None:
    await storage.blobs.create_container(STATE)
    await storage.upload(STATE, STATUS, json.dumps(status.to_json()))


async def until_stored(storage: StorageAccount) -> dict[str, Any]:
    async def is_stored() -> bool:
        return await storage.blobs.get_blob_client(STATE, STATUS).exists()

    await until(is_stored)
    return await stored_status(storage)


async def test_a_schedule_within_the_minute_fires_again_and_again_without_a_status(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    async with running_host():
        ticks = await storage.until_seen("tick", 2)
    assert all(tick == {"pastDue": False, "status": {}} for tick in ticks)
    assert await storage.names(STATE, "timers/") == []


async def test_a_new_timer_records_when_it_is_due_and_does_not_fire(
    host: JobHost, storage: StorageAccount
) -> None:
    status = await until_stored(storage)
    assert status["Last"] == "0001-01-01T00:00:00+00:00"
    assert status["Next"] == f"{datetime.now(UTC).year + 1}-01-01T00:00:00+00:00"
    assert await storage.seen("tick") == []


async def test_a_missed_occurrence_runs_once_at_start(running_host: Hosts, storage: StorageAccount) -> None:
    last_year = datetime(datetime.now(UTC).year - 1, 1, 1, tzinfo=UTC)
    missed = ScheduleStatus(last=last_year, next=last_year.replace(year=last_year.year + 1))
    await store_status(storage, missed)
    async with running_host():
        (tick,) = await storage.until_seen("tick")

        async def is_recorded() -> bool:
            stored = ScheduleStatus.from_json(await stored_status(storage))
            return stored.next > datetime.now(UTC)

        await until(is_recorded)
    assert tick["pastDue"] is True
    assert tick["status"]["Next"] == missed.next.isoformat()
    async with running_host():
        await until_stored(storage)
    assert len(await storage.seen("tick")) == 1


async def test_run_on_startup_fires_at_once_and_not_as_past_due(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    app = app_directory / "function_app.py"
    app.write_text(app.read_text().replace("run_on_startup=False", "run_on_startup=True"))
    async with running_host(script_root=app_directory):
        (tick,) = await storage.until_seen("tick")
    assert tick["pastDue"] is False


async def test_a_failing_run_does_not_stop_the_schedule(
    running_host: Hosts, app_directory: Path, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    app = app_directory / "function_app.py"
    app.write_text(app.read_text().replace('    record("tick"', '    raise record("tick"'))
    async with running_host(script_root=app_directory):
        await storage.until_seen("tick", 2)


async def test_a_timer_can_be_fired_by_hand(host: JobHost, storage: StorageAccount) -> None:
    async with (
        aiohttp.ClientSession(host.url) as http,
        http.post("/admin/functions/on_tick", json={"input": ""}) as answer,
    ):
        assert answer.status == 202
    (tick,) = await storage.until_seen("tick")
    assert tick["pastDue"] is False


async def test_only_one_of_two_hosts_fires_a_timer(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    async with running_host(), running_host():
        ticks = await storage.until_seen("tick", 3)
        names = await storage.names("seen", "tick/")
    seconds = {int(name.split("/")[1].split("-")[0]) // 1_000_000_000 for name in names}
    assert len(seconds) == len(ticks)
