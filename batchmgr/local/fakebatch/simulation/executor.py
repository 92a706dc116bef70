"""The executor that runs no processes: tasks last as long, and end, as they are told to."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from batchmgr.local.fakebatch.execution.layout import Layout
from batchmgr.local.fakebatch.execution.port import Order, Place
from batchmgr.local.fakebatch.model.application import Package
from batchmgr.local.fakebatch.model.outcomes import Failure, Outcome, exited, out_of_time, unprepared
from batchmgr.local.fakebatch.simulation.plan import Plan, seconds
from batchmgr.local.fakebatch.wire import durations, ticks

DURATION: Final = "FAKEBATCH_DURATION"
EXIT_CODE: Final = "FAKEBATCH_EXIT_CODE"


class _Run(asyncio.Future[Outcome]):
    """A run that ends by itself after some seconds."""

    def __init__(self, lasts: float, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome
        self._timer = ticks.call_later(lasts, self._end, awaited=True)

    def cancel(self, msg: Any = None) -> bool:
        """Kill the run."""
        self._timer.cancel()
        return super().cancel(msg)

    def _end(self) -> None:
        if not self.done():
            self.set_result(self._outcome)


class SimulatedExecutor:
    """Lets tasks pass their time on the clock of the process. Their output is empty.

    How long a run lasts and how it exits is drawn as the plan says, from its seed and the ids of job and
    task: in whatever order they run, the same tasks fare alike. A task, or its job for all of its tasks, may
    decide by its environment settings FAKEBATCH_DURATION, such as `2s`, and FAKEBATCH_EXIT_CODE.
    """

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self._plan = plan
        self._layout = layout
        self._runs: Counter[tuple[str, str]] = Counter()

    async def run(self, order: Order) -> Outcome:
        """Wait until the time of the run is over."""
        return await self.begin(order)

    def begin(self, order: Order) -> asyncio.Future[Outcome]:
        """Begin a run, whose outcome is there when its time is over."""
        try:
            lasts, outcome = self._fate(order)
        except ValueError as error:
            lasts, outcome = 0, unprepared(Failure("CommandLaunchFailed", str(error)))
        return _Run(lasts, outcome)

    def lay_out(self, place: Place) -> None:
        """Make the empty files of a task: to make them while so many run would take longer than all else."""
        root = self._layout.task_root(*place)
        if self._runs[(place.job_id, place.task_id)] and not root.exists():
            (root / "wd").mkdir(parents=True)
            for name in ("stdout.txt", "stderr.txt"):
                (root / name).touch()

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Forget how often the tasks ran, and remove what files they have."""
        # In this order: files of what did not run are not laid out again.
        for key in [(job_id, task_id)] if task_id is not None else list(self._runs):
            if key[0] == job_id:
                self._runs.pop(key, None)
        await asyncio.to_thread(self._layout.remove_files, job_id, task_id)

    async def install(self, pool_id: str, node_id: str, packages: tuple[Package, ...]) -> None:
        """Install nothing."""

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove the files of a node."""
        await asyncio.to_thread(self._layout.remove_node, pool_id, node_id)

    async def close(self) -> None:
        """Release nothing: nothing is held."""

    def _fate(self, order: Order) -> tuple[float, Outcome]:
        """Return the seconds of a run and its end. Raises ValueError for settings that say neither."""
        key = (order.job_id, order.task_id)
        self._runs[key] += 1
        random = Random(f"{self._plan.seed}/{order.job_id}/{order.task_id}/{self._runs[key]}")  # noqa: S311
        lasts, exit_code = self._plan.duration(random), int(random.random() < self._plan.failure)
        settings = _settings(order)
        if DURATION in settings:
            lasts = seconds(settings[DURATION])
        if EXIT_CODE in settings:
            exit_code = int(settings[EXIT_CODE])
        limit = durations.seconds(order.spec["constraints"]["maxWallClockTime"])
        if limit is not None and lasts > limit:
            return limit, out_of_time()
        return lasts, exited(exit_code)


def _settings(order: Order) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for settings in (order.job_spec.get("commonEnvironmentSettings"), order.spec.get("environmentSettings")):
        found |= {setting["name"]: setting.get("value", "") for setting in settings or ()}
    return found
