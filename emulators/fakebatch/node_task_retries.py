"""The tasks that belong to nodes: how they run, with their retries."""

import logging
from collections.abc import Callable

from fakebatch.execution.executor_port import Executor, Order
from fakebatch.model.node_run import NodeRun, finished, retried
from fakebatch.model.run_result import failed_with_node
from fakebatch.wire import service_clock

_log = logging.getLogger(__name__)


async def carry_out(executor: Executor, order: Order, keep: Callable[[NodeRun], None]) -> NodeRun:
    """Run a start, preparation or release task until it succeeds or is not to be retried any more.

    `keep` is given the state of it at each step, and its end is returned.
    """
    limit: int = order.spec["constraints"]["maxTaskRetryCount"]
    run = NodeRun(started_at=service_clock.now())
    while True:
        keep(run)
        try:
            outcome = await executor.run(order)
        except Exception:
            _log.exception("run of %s broke", order.key)
            outcome = failed_with_node()
        if not outcome.is_retryable or 0 <= limit <= run.retries:
            break
        run = retried(run, service_clock.now())
    run = finished(run, outcome, service_clock.now())
    keep(run)
    return run
