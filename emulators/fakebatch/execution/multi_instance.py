"""The commands that make the nodes of a multi-instance task ready for its own command."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fakebatch.errors import LaunchError
from fakebatch.execution import task_commands
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.environment_variables import instance_variables, task_environment
from fakebatch.execution.executor_port import Instance, Order
from fakebatch.execution.watchdog import Guard
from fakebatch.model.run_result import RunResult, exited, failed_before_command

MakeDirectories = Callable[[Path, Path], None]


class Coordination:
    """The coordination commands of one run, and what they leave running until the task is over.

    On this machine the directory that has the same path on all nodes is one and the same.
    """

    def __init__(
        self,
        order: Order,
        layout: Layout,
        account_url: str,
        make_directories: MakeDirectories,
        guard: Guard,
    ) -> None:
        self._order = order
        self._layout = layout
        self._account_url = account_url
        self._make_directories = make_directories
        self._guard = guard
        self._survivors: list[int] = []

    async def run(self) -> RunResult:
        """Run the command on all nodes at once. Returns the first failure, if there is one."""
        running = [
            asyncio.create_task(self._run_one(number, instance))
            for number, instance in enumerate(self._order.instances)
        ]
        try:
            for finished in asyncio.as_completed(running):
                outcome = await finished
                if outcome.failure is not None:
                    return outcome
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return exited(0)

    async def end(self) -> None:
        """Kill what the commands have left running."""
        await task_commands.kill(self._survivors, self._guard)

    async def _run_one(self, number: int, instance: Instance) -> RunResult:
        order = self._order
        root = self._layout.task_root(order.pool_id, instance.node_id, order.job_id, order.task_id)
        self._make_directories(self._layout.node_root(order.pool_id, instance.node_id), root)
        outcome = await self._run_command(instance, root)
        if number:
            order.subtask_ended(number, outcome)
        return outcome

    async def _run_command(self, instance: Instance, root: Path) -> RunResult:
        line = self._order.spec["multiInstanceSettings"]["coordinationCommandLine"]
        variables = self._variables(instance)
        try:
            command = task_commands.parse(line, root / "wd", variables)
            code = await task_commands.run(
                command, root / "wd", variables, root, self._guard, self._survivors
            )
            return exited(code)
        except LaunchError as error:
            return failed_before_command(error.failure)

    def _variables(self, instance: Instance) -> dict[str, str]:
        shared = self._layout.run_root(self._order)
        here = replace(self._order, node_id=instance.node_id)
        own = task_environment(here, self._layout, self._account_url)
        return own | dict(instance_variables(self._order, instance, shared))
