"""The executor of a forecast: how long a run takes depends on the kind of its task."""

from pathlib import Path
from random import Random

from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.executor_port import RunRequest
from fakebatch.forecast.forecast_request import Request
from fakebatch.simulation.simulated_executor import SimulatedExecutor
from fakebatch.simulation.simulation_plan import SimulationPlan


class KindExecutor(SimulatedExecutor):
    """Draws the runs of a forecast. The ids of tasks are their indexes in the request. Nodes have no files.

    The runs of a task are the same on each pool, as far as they start: variants meet the same job.
    """

    def __init__(self, request: Request, seed: int) -> None:
        super().__init__(SimulationPlan(duration=lambda random: 0.0, seed=seed), Layout(Path()))
        self._request = request
        self._start_tasks = Random(f"{seed}/start")  # noqa: S311
        self.longest_s = 0.0

    def draw(self, request: RunRequest, random: Random) -> tuple[float, int]:
        """Return the seconds of a run and its exit code."""
        if request.kind == "start":
            start_task = self._request.start_task
            return (0.0 if start_task is None else start_task(self._start_tasks)), 0
        kind = self._request.kinds[self._request.tasks.kinds[int(request.task_id)]]
        lasts, exit_code = kind.duration(random), int(random.random() < kind.failure)
        self.longest_s = max(self.longest_s, lasts)
        return lasts, exit_code

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Do nothing: there are no files."""

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Do nothing: there are no files."""
