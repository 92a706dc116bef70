"""The executor that runs no processes: it only simulates how long tasks take and how they exit."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final

from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import RunRequest, TaskLocation
from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult, exited, failed_before_command, out_of_time
from fakebatch.model.task_spec import TaskSpec
from fakebatch.simulation.simulation_plan import SimulationPlan, parse_draw
from fakebatch.wire import durations, service_clock
from fakebatch.wire.service_clock import Timer

_PREFIX: Final = "FAKEBATCH_"
DURATION: Final = f"{_PREFIX}DURATION"
EXIT_CODE: Final = f"{_PREFIX}EXIT_CODE"


class SimulatedExecutor:
    """Ends each run when its time is over, by the clock of the process. The output of tasks is empty.

    The duration and the exit code of a run are drawn as the plan says. They depend on its seed and the ids of
    job and task, not on the order in which tasks run. A run that was killed, by the loss of its node or a
    resize, has the same ones when the task runs again; only a run that ended by itself has others. The
    environment settings FAKEBATCH_DURATION, a distribution such as `2s`, and FAKEBATCH_EXIT_CODE override
    them, for a task or, set on the job, for all of its tasks.
    """

    def __init__(self, plan: SimulationPlan, layout: Layout) -> None:
        self._plan = plan
        self._layout = layout
        # How many runs of a task have ended by themselves. A task that has run is in it.
        self._ends: Counter[tuple[str, str]] = Counter()

    async def run(self, request: RunRequest) -> RunResult:
        """Wait until the run is over, and return its outcome."""
        ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()

        def report(outcome: RunResult) -> None:
            if not ended.done():
                ended.set_result(outcome)

        timer = self.start_timed(request, report)
        try:
            return await ended
        finally:
            timer.cancel()

    def start_timed(self, request: RunRequest, report: Callable[[RunResult], None]) -> Timer:
        """Start a run, and report its outcome when it is over. Cancel the timer to kill it."""
        try:
            lasts, outcome = self._draw_outcome(request)
        except ValueError as error:
            lasts, outcome = 0, failed_before_command(FailureInfo("CommandLaunchFailed", str(error)))
        return service_clock.call_later(lasts, partial(self._end, request, report, outcome), awaited=True)

    def _end(self, request: RunRequest, report: Callable[[RunResult], None], outcome: RunResult) -> None:
        self._ends[(request.job_id, request.task_id)] += 1
        report(outcome)

    def create_files(self, location: TaskLocation) -> None:
        """Create the empty files of a task. Creating them at each run would take most of the time."""
        root = self._layout.task_root(*location)
        if (location.job_id, location.task_id) in self._ends and not root.exists():
            (root / "wd").mkdir(parents=True)
            for name in ("stdout.txt", "stderr.txt"):
                (root / name).touch()

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Forget how often the tasks ran, and remove their files."""
        # In this order: create_files creates none for a task without runs.
        for key in [(job_id, task_id)] if task_id is not None else list(self._ends):
            if key[0] == job_id:
                self._ends.pop(key, None)
        await asyncio.to_thread(self._layout.remove_files, job_id, task_id)

    async def install(self, pool_id: str, node_id: str, packages: tuple[ApplicationPackage, ...]) -> None:
        """Do nothing: simulated nodes need no packages."""

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove the files of a node."""
        await asyncio.to_thread(self._layout.remove_node, pool_id, node_id)

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _draw_outcome(self, request: RunRequest) -> tuple[float, RunResult]:
        """Return the seconds of a run and its outcome. Raises ValueError for invalid settings."""
        key = (request.job_id, request.task_id)
        self._ends.setdefault(key, 0)
        random = Random(f"{self._plan.seed}/{request.job_id}/{request.task_id}/{self._ends[key] + 1}")  # noqa: S311
        lasts, exit_code = self.draw(request, random)
        limit = durations.seconds(request.spec["constraints"]["maxWallClockTime"])
        if limit is not None and lasts > limit:
            return limit, out_of_time()
        return lasts, exited(exit_code)

    def draw(self, request: RunRequest, random: Random) -> tuple[float, int]:
        """Return the seconds of a run and its exit code. Raises ValueError for invalid settings."""
        lasts, exit_code = self._plan.duration(random), int(random.random() < self._plan.failure)
        settings = _settings(request)
        if DURATION in settings:
            lasts = parse_draw(settings[DURATION])(random)
        if EXIT_CODE in settings:
            exit_code = int(settings[EXIT_CODE])
        return lasts, exit_code


def _settings(request: RunRequest) -> Mapping[str, str]:
    """Return the environment settings of a run. Those of the task are left out if none is ours."""
    given = [request.job_spec.get("commonEnvironmentSettings", ())]
    # Unpacking the properties of a task would take most of the time.
    if not isinstance(request.spec, TaskSpec) or request.spec.mentions(_PREFIX):
        given.append(request.spec.get("environmentSettings", ()))
    return {setting["name"]: setting.get("value", "") for settings in given for setting in settings}
