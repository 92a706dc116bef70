"""Timer trigger: poll the active jobs."""

import logging

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.errors import SettingsError
from batchmgr.functions.time_limit import TIME_LIMIT_SECONDS, time_limit
from batchmgr.settings import SCHEDULE
from batchmgr.usecases.poll import poll

logger = logging.getLogger(__name__)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the timer."""
    functions = func.Blueprint()

    @functions.timer_trigger(arg_name="timer", schedule=f"%{SCHEDULE}%", use_monitor=False)
    async def poll_jobs(timer: func.TimerRequest) -> None:
        try:
            async with time_limit():
                await poll(await runtime.ports())
        except SettingsError:
            return  # the runtime has logged it, and there is nothing to lose
        except TimeoutError:
            logger.warning("the poll took more than %d s: the next one continues", TIME_LIMIT_SECONDS)

    return functions
