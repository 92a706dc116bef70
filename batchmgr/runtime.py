"""The ports of the function app, opened by its first call. The import of the app only reads its settings."""

import asyncio
import gc
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from batchmgr.adapters.telemetry import start_telemetry
from batchmgr.errors import SettingsError
from batchmgr.model.telemetry_names import LogLine
from batchmgr.ports import Ports
from batchmgr.settings import SCHEDULE, Settings, telemetry_options
from batchmgr.telemetry_port import Telemetry

logger = logging.getLogger(__name__)


class Runtime:
    """The ports of the function app. The first call opens them, on the event loop of the worker.

    `problem` is what is wrong with the settings. Then every call raises it, and the first logs it.
    """

    def __init__(self, settings: Settings, problem: SettingsError | None = None) -> None:
        self.settings = settings
        self._problem = problem
        self._is_logged = False
        self.telemetry: Telemetry | None = None
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Ports] | None = None

    async def ports(self) -> Ports:
        """Return the ports. Concurrent first calls share one attempt. After a failure, the next retries."""
        try:
            if self._problem is not None:
                self._start_telemetry()  # so that the problem is exported, too
                raise self._problem.with_traceback(None)
            return await self._opened()
        except SettingsError as error:
            if not self._is_logged:
                logger.error(
                    "batchmgr is not configured, and does nothing: %s",
                    error,
                    extra=LogLine.NOT_CONFIGURED.attributes,
                )
            self._is_logged = True
            raise

    async def _opened(self) -> Ports:
        if self._opening is None or (self._opening.done() and self._opening.exception()):
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Ports:
        # Imported here: the clients of Azure take longer, and more memory, than all else in the app.
        from batchmgr.bootstrap import open_ports, prepare_storage

        telemetry = self._start_telemetry()
        async with AsyncExitStack() as opening:  # what a failed attempt has opened is closed
            ports = await opening.enter_async_context(open_ports(self.settings, telemetry))
            await prepare_storage(self.settings)
            self._stack = opening.pop_all()
        gc.freeze()  # modules and clients stay: no garbage collection goes through them again
        return ports

    def _start_telemetry(self) -> Telemetry:
        """Start the export once, however often the ports are opened: each start has threads of its own."""
        if self.telemetry is None:
            self.telemetry = start_telemetry(self.settings.telemetry)
        return self.telemetry


def load_runtime(environment: Mapping[str, str]) -> Runtime:
    """Return the runtime for these variables. Wrong settings are told when it is used, not here.

    The app must be indexed in any case: else the host has no functions, and nothing says why.
    """
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        return Runtime(Settings(telemetry=telemetry_options(environment)), error)
    if not environment.get(SCHEDULE, "").strip():
        return Runtime(settings, SettingsError(f"set {SCHEDULE}: without it no job is polled"))
    return Runtime(settings)
