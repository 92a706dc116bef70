"""The runs that are active now, and how to kill them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

from fakebatch.execution.executor_port import Executor, RunKey, RunRequest
from fakebatch.model.run_result import RunResult, failed_with_node
from fakebatch.wire import service_clock
from fakebatch.wire.service_clock import Timer

_log = logging.getLogger(__name__)


class Disposition(IntEnum):
    """What happens to a task after its run was killed. If a run is killed twice, the greater value wins."""

    REQUEUED = 1
    TERMINATED = 2
    DISCARDED = 3


Work = Coroutine[Any, Any, RunResult | None]
Handle = asyncio.Future[RunResult | None]
OnEnd = Callable[[RunRequest, RunResult | None, Disposition | None], None]


@dataclass(slots=True)
class _Run:
    """An active run. A timed run has a `timer`; any other, or one that is being killed, has a `handle`."""

    request: RunRequest
    on_end: OnEnd
    handle: Handle | None = None
    timer: Timer | None = None
    disposition: Disposition | None = None


class ActiveRuns:
    """Starts and kills runs, and calls `on_end(request, outcome, disposition)` at the end of each.

    The outcome is None if the run was killed or could not start. The disposition is None if nobody killed it.
    `at_work` counts the runs that do more than wait for a timer: they do work, or their end must be reported.
    """

    def __init__(self) -> None:
        self._runs: dict[RunKey, _Run] = {}
        self.at_work = 0
        self._by_node: defaultdict[str, set[RunKey]] = defaultdict(set)

    def start(self, request: RunRequest, work: Work, on_end: OnEnd) -> Handle:
        """Start a run. The handle is done when the run has ended and `on_end` was called."""
        handle = asyncio.ensure_future(work)
        self.at_work += 1
        self._add(request.key, _Run(request, on_end, handle=handle))
        handle.add_done_callback(partial(self._on_done, request.key))
        return handle

    def start_later(
        self,
        seconds: float,
        request: RunRequest,
        executor: Executor,
        on_end: OnEnd,
        begin: Callable[[], object],
    ) -> None:
        """Start a run that only takes time, after some seconds. `begin` is called then."""
        key, run = request.key, _Run(request, on_end)

        def start() -> None:
            begin()
            run.timer = executor.start_timed(request, partial(self._on_end, key))

        self._add(key, run)
        run.timer = service_clock.call_later(seconds, start, awaited=True)

    def start_timed(self, request: RunRequest, executor: Executor, on_end: OnEnd) -> bool:
        """Start a run that only takes time. Returns False if the executor cannot do that."""
        key = request.key
        timer = executor.start_timed(request, partial(self._on_end, key))
        if timer is not None:
            self._add(key, _Run(request, on_end, timer=timer))
        return timer is not None

    def get(self, key: RunKey) -> Handle | None:
        """Return the handle of an active run, or None. Timed runs have none."""
        run = self._runs.get(key)
        return None if run is None else run.handle

    def end(self, key: RunKey, disposition: Disposition) -> Handle | None:
        """Kill a run, if it is active. The handle is done when the run has ended."""
        run = self._runs.get(key)
        if run is None:
            return None
        if run.handle is None:
            run.handle = self._stop_timed(key, run)
        elif run.disposition is None:
            run.handle.cancel()
        run.disposition = max(disposition, run.disposition or disposition)
        return run.handle

    def end_tasks_on(self, node_id: str, disposition: Disposition) -> None:
        """Kill the runs of the tasks of jobs on a node."""
        for key in [key for key in self._by_node.get(node_id, ()) if key.kind == "task"]:
            self.end(key, disposition)

    def end_all_on(self, node_id: str, disposition: Disposition) -> None:
        """Kill all runs on a node."""
        for key in list(self._by_node.get(node_id, ())):
            self.end(key, disposition)

    def is_busy(self, node_id: str) -> bool:
        """Return whether anything runs on a node."""
        return bool(self._by_node.get(node_id))

    async def stop(self) -> None:
        """Kill all runs, and wait until they have ended."""
        while self._runs:
            handles = [self.end(key, Disposition.DISCARDED) for key in list(self._runs)]
            await asyncio.wait([handle for handle in handles if handle is not None])

    def _add(self, key: RunKey, run: _Run) -> None:
        self._runs[key] = run
        for node_id in run.request.node_ids:
            self._by_node[node_id].add(key)

    def _stop_timed(self, key: RunKey, run: _Run) -> Handle:
        """Kill a timed run. Its end is reported in a later step, as that of any other killed run."""
        if run.timer is not None:
            run.timer.cancel()
        handle: Handle = asyncio.get_running_loop().create_future()
        handle.add_done_callback(partial(self._on_done, key))
        handle.cancel()
        self.at_work += 1
        return handle

    def _on_done(self, key: RunKey, handle: Handle) -> None:
        self.at_work -= 1
        self._on_end(key, _outcome(key, handle))

    def _on_end(self, key: RunKey, outcome: RunResult | None) -> None:
        run = self._runs.pop(key)
        for node_id in run.request.node_ids:
            self._by_node[node_id].discard(key)
            if not self._by_node[node_id]:
                del self._by_node[node_id]
        run.on_end(run.request, outcome, run.disposition)


def _outcome(key: RunKey, handle: Handle) -> RunResult | None:
    if handle.cancelled():
        return None
    error = handle.exception()
    if error is None:
        return handle.result()
    _log.error("the run of %s failed unexpectedly", key, exc_info=error)
    return failed_with_node()
