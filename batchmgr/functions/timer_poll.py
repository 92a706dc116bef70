"""Timer trigger: poll the active jobs."""

import logging
from datetime import datetime

import azure.functions as func

from batchmgr.errors import SettingsError
from batchmgr.functions.time_limit import TIME_LIMIT_SECONDS, time_limit
from batchmgr.model.telemetry_names import POLL_LAG, LogLine
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import SCHEDULE
from batchmgr.usecases.poll import poll

logger = logging.getLogger(__name__)


class LastPoll:
    """When this process has begun its last poll."""

    def __init__(self) -> None:
        self._begun: datetime | None = None

    async def poll(self, ports: Ports) -> None:
        """Poll, and tell how long after the last poll."""
        previous, self._begun = self._begun, ports.clock.now()
        if previous is not None:
            ports.telemetry.record(POLL_LAG, (self._begun - previous).total_seconds())
        await poll(ports, previous)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the timer."""
    functions, last = func.Blueprint(), LastPoll()

    @functions.timer_trigger(arg_name="timer", schedule=f"%{SCHEDULE}%", use_monitor=False)
    async def poll_jobs(timer: func.TimerRequest) -> None:
        try:
            async with time_limit():
                await last.poll(await runtime.ports())
        except SettingsError:
            return  # the runtime has logged it, and there is nothing to lose
        except TimeoutError:
            logger.warning(
                "the poll took more than %d s: the next one continues",
                TIME_LIMIT_SECONDS,
                extra=LogLine.POLL_CUT_OFF.attributes,
            )

    return functions
