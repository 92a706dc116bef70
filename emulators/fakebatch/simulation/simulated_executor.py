"""The executor that runs no processes: tasks last as long, and end, as they are told to."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final

from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import Order, Place
from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult, exited, failed_before_command, out_of_time
from fakebatch.model.task_spec import TaskSpec
from fakebatch.simulation.simulation_plan import Plan, seconds
from fakebatch.wire import durations, service_clock
from fakebatch.wire.service_clock import Timer

_PREFIX: Final = "FAKEBATCH_"
DURATION: Final = f"{_PREFIX}DURATION"
EXIT_CODE: Final = f"{_PREFIX}EXIT_CODE"


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

    async def run(self, order: Order) -> RunResult:
        """Wait until the time of the run is over."""
        ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()

        def report(outcome: RunResult) -> None:
            if not ended.done():
                ended.set_result(outcome)

        timer = self.begin(order, report)
        try:
            return await ended
        finally:
            timer.cancel()

    def begin(self, order: Order, report: Callable[[RunResult], None]) -> Timer:
        """Begin a run, whose outcome is reported when its time is over."""
        try:
            lasts, outcome = self._fate(order)
        except ValueError as error:
            lasts, outcome = 0, failed_before_command(FailureInfo("CommandLaunchFailed", str(error)))
        return service_clock.call_later(lasts, partial(report, outcome), awaited=True)

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

    async def install(self, pool_id: str, node_id: str, packages: tuple[ApplicationPackage, ...]) -> None:
        """Install nothing."""

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove the files of a node."""
        await asyncio.to_thread(self._layout.remove_node, pool_id, node_id)

    async def close(self) -> None:
        """Release nothing: nothing is held."""

    def _fate(self, order: Order) -> tuple[float, RunResult]:
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
    """Return the environment settings of a run, if any of them is about the simulation."""
    given = [order.job_spec.get("commonEnvironmentSettings", ())]
    # To read the properties of a task takes longer than all else.
    if not isinstance(order.spec, TaskSpec) or order.spec.mentions(_PREFIX):
        given.append(order.spec.get("environmentSettings", ()))
    return {setting["name"]: setting.get("value", "") for settings in given for setting in settings}
