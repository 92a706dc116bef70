"""Run start, preparation and release tasks, with their retries."""

import logging
from collections.abc import Callable

from fakebatch.execution.executor_port import Executor, RunRequest
from fakebatch.model.node_run import NodeRun, finished, retried
from fakebatch.model.run_result import failed_with_node
from fakebatch.wire import service_clock

_log = logging.getLogger(__name__)


async def run_with_retries(
    executor: Executor, request: RunRequest, save: Callable[[NodeRun], None]
) -> NodeRun:
    """Run a start, preparation or release task until it succeeds or has no retries left.

    `save` is called with the state of the run after each step. Returns the last state.
    """
    limit: int = request.spec["constraints"]["maxTaskRetryCount"]
    run = NodeRun(started_at=service_clock.now())
    while True:
        save(run)
        try:
            outcome = await executor.run(request)
        except Exception:
            _log.exception("the run of %s failed unexpectedly", request.key)
            outcome = failed_with_node()
        if not outcome.is_retryable or 0 <= limit <= run.retries:
            break
        run = retried(run, service_clock.now())
    run = finished(run, outcome, service_clock.now())
    save(run)
    return run
