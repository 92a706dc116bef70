"""Timer trigger: let go of what is left of jobs that ended long ago, and see that all others are listed."""

import logging

import azure.functions as func

from batchmgr.errors import BatchmgrError, SettingsError
from batchmgr.functions.time_limit import time_limit
from batchmgr.runtime import Runtime
from batchmgr.usecases.repair_list import repair_list
from batchmgr.usecases.retain import retain

logger = logging.getLogger(__name__)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the timer. A run that was missed is made up for."""
    functions = func.Blueprint()

    @functions.timer_trigger(arg_name="timer", schedule=runtime.settings.retention_schedule)
    async def let_go_of_old_jobs(timer: func.TimerRequest) -> None:
        try:
            async with time_limit():
                ports = await runtime.ports()
                await retain(ports)
                await repair_list(ports)
        except SettingsError:
            return  # the runtime has logged it, and there is nothing to lose
        except (BatchmgrError, TimeoutError) as error:
            logger.warning("retention: the next run goes on: %s", str(error) or "it took too long")

    return functions
