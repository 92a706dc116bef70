"""The runtime opens the ports: once, and without traces of attempts that failed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from batchmgr import bootstrap
from batchmgr import runtime as runtime_module
from batchmgr.adapters.telemetry import Exporter, TelemetryOptions, start_telemetry
from batchmgr.errors import ServiceBusyError, SettingsError
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime, load_runtime
from batchmgr.settings import Settings
from batchmgr.telemetry_port import NoTelemetry, Telemetry
from tests.world import World


class Openings:
    """Stands for the adapters: counts what is opened and closed, and fails a number of times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
        self.opened = self.closed = self.exports = 0
        self._failures = failures
        monkeypatch.setattr(bootstrap, "open_ports", self._open)
        monkeypatch.setattr(bootstrap, "prepare_storage", self._prepare)
        monkeypatch.setattr(runtime_module, "start_telemetry", self._start)

    @asynccontextmanager
    async def _open(self, settings: Settings, telemetry: Telemetry) -> AsyncIterator[Ports]:
        self.opened += 1
        try:
            yield World().ports
        finally:
            self.closed += 1

    async def _prepare(self, settings: Settings) -> None:
        await asyncio.sleep(0)
        if self._failures:
            self._failures -= 1
            raise ServiceBusyError("Storage is away")

    def _start(self, options: TelemetryOptions) -> Telemetry:
        self.exports += 1
        return NoTelemetry()


async def test_a_failed_opening_closes_what_it_opened_and_starts_no_second_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    openings, runtime = Openings(monkeypatch, failures=5), Runtime(Settings())
    for _ in range(5):
        with pytest.raises(ServiceBusyError):
            await runtime.ports()
    assert (openings.opened, openings.closed, openings.exports) == (5, 5, 1)
    first = await runtime.ports()
    assert await runtime.ports() is first
    assert (openings.opened, openings.closed, openings.exports) == (6, 5, 1)


async def test_concurrent_first_calls_share_one_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    openings, runtime = Openings(monkeypatch, failures=0), Runtime(Settings())
    found = await asyncio.gather(*(runtime.ports() for _ in range(20)))
    assert openings.opened == 1
    assert all(ports is found[0] for ports in found)


async def test_wrong_settings_are_logged_once_however_often_the_app_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = load_runtime({"BATCHMGR_BLOB_SOURCE": "Sometimes"})
    for _ in range(3):
        with pytest.raises(SettingsError, match="BATCHMGR_BLOB_SOURCE"):
            await runtime.ports()
    assert len(caplog.records) == 1


async def test_a_telemetry_that_cannot_be_started_does_not_stop_the_app(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**options: object) -> None:
        raise ValueError("Invalid connection string")

    monkeypatch.setattr("batchmgr.adapters.telemetry_export.configure_azure_monitor", broken)
    start_telemetry(TelemetryOptions(exporter=Exporter.BATCHMGR, connection_string="InstrumentationKey=no"))
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING" in caplog.text
