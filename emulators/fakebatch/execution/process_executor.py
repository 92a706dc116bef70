"""The executor that really runs tasks, as processes of this machine."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from fakebatch.errors import LaunchError, ResourceFileError
from fakebatch.execution import output_files, package_installation, resource_files, task_commands
from fakebatch.execution.auto_storage import AutoStorage
from fakebatch.execution.blob_storage import BlobStorage
from fakebatch.execution.containers import Container
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.environment_variables import task_environment
from fakebatch.execution.executor_port import RunRequest, TaskLocation
from fakebatch.execution.multi_instance import Coordination
from fakebatch.execution.watchdog import Watchdog
from fakebatch.failure_info import FailureInfo
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.model.run_result import RunResult, exited, failed_before_command, out_of_time
from fakebatch.wire import durations


class ProcessExecutor:
    """Runs each task in a process group and a directory of its own."""

    def __init__(self, layout: Layout, account_url: str, auto_storage: AutoStorage | None = None) -> None:
        self._layout = layout
        self._account_url = account_url
        self._auto_storage = auto_storage
        self._storage = BlobStorage()
        self._watchdog = Watchdog()

    async def run(self, request: RunRequest) -> RunResult:
        """Download resource files, run the command line within its time limit, upload output files."""
        root = self._layout.run_root(request)
        _make_directories(self._layout.node_root(request.pool_id, request.node_id), root)
        variables = task_environment(request, self._layout, self._account_url)
        outcome = await self._run_in_time(request, root, variables)
        if outcome.exit_code is None:
            return outcome
        wanted = request.spec.get("outputFiles", ())
        return await output_files.upload(self._storage, wanted, root, variables, outcome)

    async def _run_in_time(self, request: RunRequest, root: Path, variables: Mapping[str, str]) -> RunResult:
        limit = durations.seconds(request.spec["constraints"]["maxWallClockTime"])
        is_prepared = False
        try:
            async with asyncio.timeout(limit) as clock:
                await self._bring_files(request, root)
                is_prepared = True
                if request.instances:
                    return await self._run_coordinated(request, root, variables)
                return await self._run_command(request, root, variables)
        except ResourceFileError as error:
            return failed_before_command(error.failure)
        except TimeoutError:
            if not clock.expired():
                raise
            return out_of_time(began=is_prepared)

    async def _bring_files(self, request: RunRequest, root: Path) -> None:
        failure = await self.install(request.pool_id, request.node_id, request.packages)
        if failure is not None:
            raise ResourceFileError(failure)
        if request.instances:
            shared = request.spec["multiInstanceSettings"].get("commonResourceFiles", ())
            await resource_files.fetch(self._storage, shared, root, self._auto_storage)
        own = request.spec.get("resourceFiles", ())
        await resource_files.fetch(self._storage, own, root / "wd", self._auto_storage)

    async def _run_coordinated(
        self, request: RunRequest, root: Path, variables: Mapping[str, str]
    ) -> RunResult:
        coordination = Coordination(
            request, self._layout, self._account_url, _make_directories, self._watchdog
        )
        try:
            outcome = await coordination.run()
            if outcome.failure is not None:
                return outcome
            return await self._run_command(request, root, variables)
        finally:
            await coordination.end()

    async def _run_command(self, request: RunRequest, root: Path, variables: Mapping[str, str]) -> RunResult:
        directory, line = root / "wd", request.spec["commandLine"]
        settings = request.spec.get("containerSettings")
        try:
            if settings is None:
                command = task_commands.parse(line, directory, variables)
                return exited(await task_commands.run(command, directory, variables, root, self._watchdog))
            container = Container(settings, self._watchdog)
            try:
                node = self._layout.node_root(request.pool_id, request.node_id)
                command = container.command(line, node, directory, variables)
                # The runtime needs the variables of this process to find its daemon and configuration.
                code = await task_commands.run(command, directory, os.environ, root, self._watchdog)
                return replace(exited(code), container=await container.end())
            finally:
                await container.remove()
        except LaunchError as error:
            return failed_before_command(error.failure)

    def start_timed(self, request: RunRequest, report: Callable[[RunResult], None]) -> None:
        """Return None: all runs are left to `run`."""

    def create_files(self, location: TaskLocation) -> None:
        """Do nothing: the files were created when the task ran."""

    async def install(
        self, pool_id: str, node_id: str, wanted: tuple[ApplicationPackage, ...]
    ) -> FailureInfo | None:
        """Unpack application packages on a node. Returns the failure, or None."""
        for package in wanted:
            target = self._layout.package_root(pool_id, node_id, package)
            failure = await asyncio.to_thread(package_installation.install, package, target)
            if failure is not None:
                return failure
        return None

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Remove the directories of a task, or of all tasks of a job."""
        await asyncio.to_thread(self._layout.remove_files, job_id, task_id)

    async def remove_node(self, pool_id: str, node_id: str) -> None:
        """Remove the directory of a node."""
        await asyncio.to_thread(self._layout.remove_node, pool_id, node_id)

    async def close(self) -> None:
        """Close the connections to storage, and stop the watchdog."""
        await self._storage.close()
        await self._watchdog.close()


def _make_directories(node_root: Path, task_root: Path) -> None:
    for directory in (task_root / "wd", *(node_root / name for name in ("shared", "startup", "fsmounts"))):
        directory.mkdir(parents=True, exist_ok=True)
    # Both files exist even if the command cannot be started. Each run starts with empty ones.
    for name in ("stdout.txt", "stderr.txt"):
        (task_root / name).write_bytes(b"")
