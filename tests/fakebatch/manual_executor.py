"""An executor whose runs end when a test says so."""

import asyncio
from collections.abc import Callable

from fakebatch.execution.executor_port import Order, Place, RunKey
from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult


class ManualExecutor:
    """Runs nothing: `pending` has the orders that are under way, `finish` ends one of them."""

    def __init__(self, check: Callable[[Order], None] = lambda order: None) -> None:
        self.pending: dict[RunKey, tuple[Order, asyncio.Future[RunResult]]] = {}
        self._check = check

    async def run(self, order: Order) -> RunResult:
        assert order.key not in self.pending, "two runs of one task at the same time"
        self._check(order)
        ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self.pending[order.key] = (order, ended)
        try:
            return await ended
        finally:
            del self.pending[order.key]

    def begin(self, order: Order, report: Callable[[RunResult], None]) -> None:
        pass

    def lay_out(self, place: Place) -> None:
        pass

    def finish(self, key: RunKey, outcome: RunResult) -> None:
        order, ended = self.pending[key]
        for number in range(1, len(order.instances)):
            order.subtask_ended(number, outcome)
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
