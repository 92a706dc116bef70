"""Multi-instance tasks: the coordination commands that run on all nodes before the task's own command."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fakebatch.errors import LaunchError
from fakebatch.execution import task_commands
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.environment_variables import instance_variables, task_environment
from fakebatch.execution.executor_port import Instance, RunRequest
from fakebatch.execution.watchdog import Watchdog
from fakebatch.model.run_result import RunResult, exited, failed_before_command

MakeDirectories = Callable[[Path, Path], None]


class Coordination:
    """The coordination commands of one run, and the processes they leave running until the task ends.

    The shared directory has the same path on all nodes, so on this machine it is one directory.
    """

    def __init__(
        self,
        request: RunRequest,
        layout: Layout,
        account_url: str,
        make_directories: MakeDirectories,
        watchdog: Watchdog,
    ) -> None:
        self._request = request
        self._layout = layout
        self._account_url = account_url
        self._make_directories = make_directories
        self._watchdog = watchdog
        self._survivors: list[int] = []

    async def run(self) -> RunResult:
        """Run the command on all nodes at the same time. Returns the first failed outcome, or success."""
        running = [
            asyncio.create_task(self._run_one(number, instance))
            for number, instance in enumerate(self._request.instances)
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
        """Kill the processes that the commands left running."""
        await task_commands.kill(self._survivors, self._watchdog)

    async def _run_one(self, number: int, instance: Instance) -> RunResult:
        request = self._request
        root = self._layout.task_root(request.pool_id, instance.node_id, request.job_id, request.task_id)
        self._make_directories(self._layout.node_root(request.pool_id, instance.node_id), root)
        outcome = await self._run_command(instance, root)
        if number:
            request.subtask_ended(number, outcome)
        return outcome

    async def _run_command(self, instance: Instance, root: Path) -> RunResult:
        line = self._request.spec["multiInstanceSettings"]["coordinationCommandLine"]
        variables = self._variables(instance)
        try:
            command = task_commands.parse(line, root / "wd", variables)
            code = await task_commands.run(
                command, root / "wd", variables, root, self._watchdog, self._survivors
            )
            return exited(code)
        except LaunchError as error:
            return failed_before_command(error.failure)

    def _variables(self, instance: Instance) -> dict[str, str]:
        shared = self._layout.run_root(self._request)
        here = replace(self._request, node_id=instance.node_id)
        own = task_environment(here, self._layout, self._account_url)
        return own | dict(instance_variables(self._request, instance, shared))
