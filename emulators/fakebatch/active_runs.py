"""The runs that are under way, and how they are ended early."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

from fakebatch.execution.executor_port import Executor, Order, RunKey
from fakebatch.model.run_result import RunResult, failed_with_node
from fakebatch.wire.service_clock import Timer

_log = logging.getLogger(__name__)


class Ending(IntEnum):
    """What becomes of a task whose run is ended early: the greater one counts, where there are several."""

    REQUEUED = 1
    TERMINATED = 2
    DISCARDED = 3


Work = Coroutine[Any, Any, RunResult | None]
Handle = asyncio.Future[RunResult | None]
OnEnd = Callable[[Order, RunResult | None, Ending | None], None]


@dataclass(slots=True)
class _Run:
    """A run under way: one that has work to do has a `handle`, one that only waits has a `timer`."""

    order: Order
    on_end: OnEnd
    handle: Handle | None = None
    timer: Timer | None = None
    ending: Ending | None = None


class Runs:
    """Starts runs, knows those of each node, and reports the end of each to `on_end(order, outcome, ending)`.

    The outcome is None where the run was killed or came to nothing, the ending None where nobody asked for
    it. `at_work` counts those that do not only wait: they have something to do, or their end to be reported.
    """

    def __init__(self) -> None:
        self._runs: dict[RunKey, _Run] = {}
        self.at_work = 0
        self._by_node: defaultdict[str, set[RunKey]] = defaultdict(set)

    def start(self, order: Order, work: Work, on_end: OnEnd) -> Handle:
        """Start a run. What is returned is done once the run is over and its end was reported."""
        handle = asyncio.ensure_future(work)
        self.at_work += 1
        self._add(order.key, _Run(order, on_end, handle=handle))
        handle.add_done_callback(partial(self._worked, order.key))
        return handle

    def begin(self, order: Order, executor: Executor, on_end: OnEnd) -> bool:
        """Start a run that only waits, if the executor lets it, and tell whether it does."""
        key = order.key
        timer = executor.begin(order, partial(self._ended, key))
        if timer is not None:
            self._add(key, _Run(order, on_end, timer=timer))
        return timer is not None

    def get(self, key: RunKey) -> Handle | None:
        """Return the run of a key, if it is under way and has work to do."""
        run = self._runs.get(key)
        return None if run is None else run.handle

    def end(self, key: RunKey, ending: Ending) -> Handle | None:
        """Kill a run; what is returned is done once it is over."""
        run = self._runs.get(key)
        if run is None:
            return None
        if run.handle is None:
            run.handle = self._stopped(key, run)
        elif run.ending is None:
            run.handle.cancel()
        run.ending = max(ending, run.ending or ending)
        return run.handle

    def end_tasks_on(self, node_id: str, ending: Ending) -> None:
        """Kill the tasks of jobs that run on a node."""
        for key in [key for key in self._by_node.get(node_id, ()) if key.kind == "task"]:
            self.end(key, ending)

    def end_all_on(self, node_id: str, ending: Ending) -> None:
        """Kill all that runs on a node."""
        for key in list(self._by_node.get(node_id, ())):
            self.end(key, ending)

    def is_busy(self, node_id: str) -> bool:
        """Whether anything runs on a node."""
        return bool(self._by_node.get(node_id))

    async def stop(self) -> None:
        """Kill all runs and wait for their ends."""
        while self._runs:
            handles = [self.end(key, Ending.DISCARDED) for key in list(self._runs)]
            await asyncio.wait([handle for handle in handles if handle is not None])

    def _add(self, key: RunKey, run: _Run) -> None:
        self._runs[key] = run
        for node_id in run.order.node_ids:
            self._by_node[node_id].add(key)

    def _stopped(self, key: RunKey, run: _Run) -> Handle:
        """Stop a run that only waits: its end is reported later, as that of any other that is killed."""
        if run.timer is not None:
            run.timer.cancel()
        handle: Handle = asyncio.get_running_loop().create_future()
        handle.add_done_callback(partial(self._worked, key))
        handle.cancel()
        self.at_work += 1
        return handle

    def _worked(self, key: RunKey, handle: Handle) -> None:
        self.at_work -= 1
        self._ended(key, _outcome(key, handle))

    def _ended(self, key: RunKey, outcome: RunResult | None) -> None:
        run = self._runs.pop(key)
        for node_id in run.order.node_ids:
            self._by_node[node_id].discard(key)
            if not self._by_node[node_id]:
                del self._by_node[node_id]
        run.on_end(run.order, outcome, run.ending)


def _outcome(key: RunKey, handle: Handle) -> RunResult | None:
    if handle.cancelled():
        return None
    error = handle.exception()
    if error is None:
        return handle.result()
    _log.error("run of %s broke", key, exc_info=error)
    return failed_with_node()
