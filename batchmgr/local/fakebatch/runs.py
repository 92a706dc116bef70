"""The runs that are under way, and how they are ended early."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from batchmgr.local.fakebatch.execution.port import Executor, Order
from batchmgr.local.fakebatch.model.outcomes import Failure, Outcome

_log = logging.getLogger(__name__)


class Ending(Enum):
    """What becomes of a task whose run is ended early."""

    TERMINATED = "terminated"
    REQUEUED = "requeued"
    DISCARDED = "discarded"


RunKey = tuple[str, str]
"""The ids of a job and of its task, in lower case."""


class Runs:
    """Starts runs and reports the end of each to `on_end(order, outcome, ending)`.

    The outcome is None where the run was killed, the ending None where nobody asked for it.
    """

    def __init__(
        self, executor: Executor, on_end: Callable[[Order, Outcome | None, Ending | None], None]
    ) -> None:
        self._executor = executor
        self._on_end = on_end
        self._running: dict[RunKey, asyncio.Task[None]] = {}
        self._endings: dict[RunKey, Ending] = {}

    def start(self, order: Order) -> None:
        """Start a run."""
        key = _key(order.job_id, order.task_id)
        self._running[key] = asyncio.create_task(self._run(key, order))

    def end(self, job_id: str, task_id: str, ending: Ending) -> "asyncio.Task[None] | None":
        """Kill a run; the task returned is done once it is over. Only the first ending counts."""
        key = _key(job_id, task_id)
        run = self._running.get(key)
        if run is not None and self._endings.setdefault(key, ending) is ending:
            run.cancel()
        return run

    async def stop(self) -> None:
        """Kill all runs and wait for their ends."""
        runs = list(self._running.items())
        for (job_id, task_id), _ in runs:
            self.end(job_id, task_id, Ending.DISCARDED)
        await asyncio.gather(*(run for _, run in runs), return_exceptions=True)

    async def _run(self, key: RunKey, order: Order) -> None:
        outcome: Outcome | None = None
        try:
            outcome = await self._executor.run(order)
        except asyncio.CancelledError:
            _log.debug("run of %s ended early", key)
        except Exception:
            _log.exception("run of %s broke", key)
            outcome = Outcome(failure=Failure("Unknown", "The node failed.", category="ServerError"))
        del self._running[key]
        self._on_end(order, outcome, self._endings.pop(key, None))


def _key(job_id: str, task_id: str) -> RunKey:
    return job_id.lower(), task_id.lower()
