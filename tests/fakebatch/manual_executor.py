"""An executor whose runs end when a test says so."""

import asyncio
from collections.abc import Callable

from fakebatch.execution.executor_port import RunKey, RunRequest, TaskLocation
from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult


class ManualExecutor:
    """Runs nothing: `pending` has the requests of active runs, `finish` ends one of them."""

    def __init__(self, check: Callable[[RunRequest], None] = lambda request: None) -> None:
        self.pending: dict[RunKey, tuple[RunRequest, asyncio.Future[RunResult]]] = {}
        self._check = check

    async def run(self, request: RunRequest) -> RunResult:
        assert request.key not in self.pending, "two runs of one task at the same time"
        self._check(request)
        ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self.pending[request.key] = (request, ended)
        try:
            return await ended
        finally:
            del self.pending[request.key]

    def start_timed(self, request: RunRequest, report: Callable[[RunResult], None]) -> None:
        pass

    def create_files(self, location: TaskLocation) -> None:
        pass

    def finish(self, key: RunKey, outcome: RunResult) -> None:
        request, ended = self.pending[key]
        for number in range(1, len(request.instances)):
            request.subtask_ended(number, outcome)
        if not ended.done():
            ended.set_result(outcome)

    async def install(
        self, pool_id: str, node_id: str, packages: tuple[ApplicationPackage, ...]
    ) -> FailureInfo | None:
        return None

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        pass

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        pass

    async def close(self) -> None:
        pass
