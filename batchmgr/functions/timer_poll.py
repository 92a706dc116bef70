"""Timer trigger: poll the active jobs."""

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.usecases.poll import poll


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the timer."""
    functions = func.Blueprint()

    @functions.timer_trigger(arg_name="timer", schedule="%BATCHMGR_POLL_SCHEDULE%", use_monitor=False)
    async def poll_jobs(timer: func.TimerRequest) -> None:
        await poll(await runtime.ports())

    return functions
