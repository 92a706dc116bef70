"""Timer functions fire as in the real host."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from functions_host.job_host import JobHost
from functions_host.singleton_lease import LeaseTimes, SingletonLease
from functions_host.timer_listener import TimerListener
from functions_host.timer_schedule import parse_schedule
from functions_host.timer_status import ScheduleMonitor, ScheduleStatus
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until

STATE = "azure-webjobs-hosts"
LOCK = "locks/testhost/Host.Functions.on_tick.Listener"
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
            return stored.next is not None and stored.next > datetime.now(UTC)

        await until(is_recorded)
    assert tick["pastDue"] is True
    assert tick["status"]["Next"] == missed.to_json()["Next"]
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


async def test_a_status_that_cannot_be_parsed_ends_the_host_and_is_reported(
    running_host: Hosts, storage: StorageAccount
) -> None:
    await storage.blobs.create_container(STATE)
    await storage.upload(STATE, STATUS, "garbage")
    async with running_host() as host, aiohttp.ClientSession(host.url) as http:
        async with asyncio.timeout(60):
            await host.run(asyncio.Event())
        async with http.get("/admin/host/status") as answer:
            errors = (await answer.json())["errors"]
    assert len(errors) == 1
    assert "on_tick" in errors[0]
    blob = storage.blobs.get_blob_client(STATE, STATUS)
    assert await (await blob.download_blob()).readall() == b"garbage"
    properties = await storage.blobs.get_blob_client(STATE, LOCK).get_blob_properties()
    assert properties.lease.state == "available"
    assert await storage.seen("tick") == []


async def test_a_process_whose_timer_cannot_start_ends_with_exit_code_0(
    app_directory: Path, storage: StorageAccount
) -> None:
    await storage.blobs.create_container(STATE)
    await storage.upload(STATE, STATUS, '{"Last": 17}')
    command = (sys.executable, "-m", "functions_host", "--script-root", str(app_directory), "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        _, output = await process.communicate()
    assert process.returncode == 0
    assert b"on_tick" in output
    assert b"17" in output


async def test_moments_of_the_status_without_a_time_zone_are_local(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every two minutes, so that the occurrence was missed a minute ago at most.
    monkeypatch.setenv("Tick", "0 */2 * * * *")
    last = datetime.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    status = {"Last": last, "Next": last + timedelta(minutes=2), "LastUpdated": last}
    await storage.blobs.create_container(STATE)
    await storage.upload(STATE, STATUS, json.dumps({name: at.isoformat() for name, at in status.items()}))
    async with running_host():
        (tick,) = await storage.until_seen("tick")
    assert tick["pastDue"] is True


async def test_a_status_that_cannot_be_written_does_not_stop_the_schedule(
    storage: StorageAccount, caplog: pytest.LogCaptureFixture
) -> None:
    container = await storage.blobs.create_container("timers")
    missing = storage.blobs.get_blob_client("no-such-container", "status")
    runs: asyncio.Queue[bool] = asyncio.Queue()

    async def run(fired: datetime, is_past_due: bool) -> None:
        runs.put_nowait(is_past_due)

    errors = UnhandledErrors()
    listener = TimerListener(
        name="on_tick",
        schedule=parse_schedule("00:00:01"),
        run_on_startup=True,
        handler=run,
        lease=SingletonLease(container, "lock", times=LeaseTimes(), errors=errors),
        monitor=ScheduleMonitor(missing),
        errors=errors,
    )
    await listener.start()
    async with asyncio.timeout(60):
        assert [await runs.get() for _ in range(3)] == [False, False, False]
    await listener.stop()
    assert errors.messages == []
    assert "cannot be written" in caplog.text


async def test_a_schedule_without_an_occurrence_never_fires_and_breaks_nothing(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "0 0 0 30 2 *")
    async with running_host():
        assert (await until_stored(storage))["Next"].startswith("9999-12-31T23:59:59")
        await storage.send("input", "the host is up")
        await storage.until_seen("message")


async def test_the_first_run_of_a_timer_sees_a_status_that_was_never_updated(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    app = app_directory / "function_app.py"
    app.write_text(app.read_text().replace("run_on_startup=False", "run_on_startup=True"))
    async with running_host(script_root=app_directory):
        (first,) = await storage.until_seen("tick")
        await until(lambda: _has_run(storage))
    async with running_host(script_root=app_directory):
        _, second = await storage.until_seen("tick", 2)
    assert first["status"]["LastUpdated"] == first["status"]["Last"] == "0001-01-01T00:00:00+00:00"
    assert second["status"]["LastUpdated"] == second["status"]["Last"] > first["status"]["Last"]


async def _has_run(storage: StorageAccount) -> bool:
    return not (await until_stored(storage))["Last"].startswith("0001")


async def test_after_a_kill_the_timers_of_a_patient_host_go_on_at_once(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    killable = Path(__file__).parent / "killable_host.py"
    process = await asyncio.create_subprocess_exec(sys.executable, str(killable), "600", "patient")
    await storage.until_seen("tick")
    process.kill()
    await process.wait()
    ticks = len(await storage.seen("tick"))
    async with running_host(patient=True), asyncio.timeout(30):  # the other rests for a minute
        await storage.until_seen("tick", ticks + 1)


async def test_after_a_kill_the_timers_of_the_next_host_rest(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    killable = Path(__file__).parent / "killable_host.py"
    process = await asyncio.create_subprocess_exec(sys.executable, str(killable), "600")
    await storage.until_seen("tick")
    process.kill()
    await process.wait()
    ticks = len(await storage.seen("tick"))
    async with running_host():
        await asyncio.sleep(2)  # in which the timer would be due twice
        assert len(await storage.seen("tick")) == ticks


async def test_only_one_of_two_hosts_fires_a_timer(
    running_host: Hosts, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Tick", "* * * * * *")
    async with running_host(), running_host():
        ticks = await storage.until_seen("tick", 3)
        names = await storage.names("seen", "tick/")
    seconds = {int(name.split("/")[1].split("-")[0]) // 1_000_000_000 for name in names}
    assert len(seconds) == len(ticks)
