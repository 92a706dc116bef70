"""The executor that runs no processes: tasks last as long, and end, as they are told to."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Final

from batchmgr.local.fakebatch.execution.port import Order
from batchmgr.local.fakebatch.model.application import Package
from batchmgr.local.fakebatch.model.outcomes import Failure, Outcome, exited, unprepared
from batchmgr.local.fakebatch.simulation.clock import VirtualClock
from batchmgr.local.fakebatch.simulation.plan import Plan, seconds
from batchmgr.local.fakebatch.wire import durations

DURATION: Final = "FAKEBATCH_DURATION"
EXIT_CODE: Final = "FAKEBATCH_EXIT_CODE"
_KILLED: Final = 137
_OUT_OF_TIME: Final = Failure("TaskEnded", "The task ran longer than its maxWallClockTime and was ended")


class SimulatedExecutor:
    """Lets tasks pass their time on a virtual clock. They have no files.

    How long a run lasts and how it exits is drawn as the plan says, from its seed and the ids of job and
    task: in whatever order they run, the same tasks fare alike. A task, or its job for all of its tasks, may
    decide by its environment settings FAKEBATCH_DURATION, such as `2s`, and FAKEBATCH_EXIT_CODE.
    """

    def __init__(self, plan: Plan, clock: VirtualClock) -> None:
        self._plan = plan
        self._clock = clock
        self._runs: Counter[tuple[str, str]] = Counter()

    async def run(self, order: Order) -> Outcome:
        """Wait until the time of the run is over."""
        try:
            lasts, exit_code = self._fate(order)
        except ValueError as error:
            return unprepared(Failure("CommandLaunchFailed", str(error)))
        limit = durations.seconds(order.spec["constraints"]["maxWallClockTime"])
        if limit is not None and lasts > limit:
            await self._clock.sleep(limit)
            return Outcome(exit_code=_KILLED, failure=_OUT_OF_TIME)
        await self._clock.sleep(lasts)
        return exited(exit_code)

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Forget how often the tasks ran."""
        if task_id is not None:
            self._runs.pop((job_id, task_id), None)
            return
        for key in [key for key in self._runs if key[0] == job_id]:
            del self._runs[key]

    async def install(self, pool_id: str, node_id: str, packages: tuple[Package, ...]) -> None:
        """Install nothing."""

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove nothing: nodes have no files."""

    async def close(self) -> None:
        """Release nothing: nothing is held."""

    def _fate(self, order: Order) -> tuple[float, int]:
        """Return the seconds of a run and its exit code. Raises ValueError for settings that say neither."""
        key = (order.job_id, order.task_id)
        self._runs[key] += 1
        random = Random(f"{self._plan.seed}/{order.job_id}/{order.task_id}/{self._runs[key]}")  # noqa: S311
        lasts, exit_code = self._plan.duration(random), int(random.random() < self._plan.failure)
        settings = _settings(order)
        if DURATION in settings:
            lasts = seconds(settings[DURATION])
        if EXIT_CODE in settings:
            exit_code = int(settings[EXIT_CODE])
        return lasts, exit_code


def _settings(order: Order) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for settings in (order.job_spec.get("commonEnvironmentSettings"), order.spec.get("environmentSettings")):
        found |= {setting["name"]: setting.get("value", "") for setting in settings or ()}
    return found
