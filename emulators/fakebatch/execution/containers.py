"""Run tasks in containers, with the docker or podman of this machine."""

import asyncio
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakebatch.errors import LaunchError
from fakebatch.execution.environment_variables import INHERITED
from fakebatch.execution.task_commands import split
from fakebatch.execution.watchdog import Watchdog
from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import ContainerResult


class Container:
    """A container that runs once. Raises LaunchError if this machine has neither docker nor podman."""

    def __init__(self, settings: Mapping[str, Any], watchdog: Watchdog) -> None:
        runtime = shutil.which("docker") or shutil.which("podman")
        if runtime is None:
            raise LaunchError(
                FailureInfo(
                    "ContainerPoolNotSupported",
                    "The compute node does not support container tasks",
                    (("Message", "Neither docker nor podman is on the PATH of the fake Azure Batch"),),
                )
            )
        self._runtime = runtime
        self._settings = settings
        self._watchdog = watchdog
        self._name = f"fakebatch-{uuid.uuid4().hex}"

    def command(
        self, command_line: str, node_root: Path, directory: Path, variables: Mapping[str, str]
    ) -> list[str]:
        """Return the command that runs a command line in the container.

        The directories of the node are mounted at the same paths. Raises LaunchError.
        """
        self._watchdog.start()
        self._watchdog.started("container", self._runtime, self._name)
        words = [self._runtime, "run", "--name", self._name, "-v", f"{node_root}:{node_root}"]
        # The inherited variables, such as PATH, are about this machine, not about the container.
        passed = {name: value for name, value in variables.items() if name not in INHERITED}
        for name, value in passed.items():
            words += ["-e", f"{name}={value}"]
        if self._settings.get("workingDirectory", "taskWorkingDirectory") == "taskWorkingDirectory":
            words += ["-w", str(directory)]
        words += split(self._settings.get("containerRunOptions", ""))
        return [*words, self._settings["imageName"], *split(command_line)]

    async def end(self) -> ContainerResult | None:
        """Return how the container ended, or None if the runtime doesn't know it."""
        process = await asyncio.create_subprocess_exec(
            self._runtime,
            "inspect",
            "--format",
            "{{.Id}} {{.State.Status}} {{.State.Error}}",
            self._name,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        container_id, _, rest = output.decode(errors="replace").strip().partition(" ")
        state, _, error = rest.partition(" ")
        return ContainerResult(container_id=container_id, state=state, error=error) if container_id else None

    async def remove(self) -> None:
        """Remove the container, which exists longer than the process that runs it."""
        process = await asyncio.create_subprocess_exec(
            self._runtime,
            "rm",
            "--force",
            self._name,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
        self._watchdog.ended("container", self._runtime, self._name)
