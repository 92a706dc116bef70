"""Command lines: found, started without a shell, and killed with all they have started."""

import asyncio
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from fakebatch.errors import LaunchError
from fakebatch.execution.process_killing import kill_group, kill_session
from fakebatch.execution.watchdog import Guard
from fakebatch.failure_info import FailureInfo


def parse(command_line: str, directory: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. Raises LaunchError.

    A program with a slash in its name is looked for in `directory`, any other on the PATH of the task.
    """
    words = split(command_line)
    if not words:
        raise _launch_failed("The command line is empty")
    program = words[0]
    found = shutil.which(
        str(directory / program) if "/" in program else program, path=variables.get("PATH", os.defpath)
    )
    if found is None:
        raise _not_found()
    return [found, *words[1:]]


def split(line: str) -> list[str]:
    """Return the words of a line, quoted as for a shell. Raises LaunchError."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise _launch_failed(str(error)) from error


async def run(
    command: list[str],
    directory: Path,
    variables: Mapping[str, str],
    task_root: Path,
    guard: Guard,
    survivors: list[int] | None = None,
) -> int:
    """Run a command to its end and return its exit code; 128 + n where the signal n killed it.

    Its output is added to stdout.txt and stderr.txt in `task_root`. When it ends, what it leaves behind in
    its process group is killed, or else its session is noted in `survivors`, to be killed with `kill`. When
    the call is cancelled, all of its session is killed. Raises LaunchError.
    """
    guard.start()
    with (task_root / "stdout.txt").open("ab") as out, (task_root / "stderr.txt").open("ab") as err:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=directory,
                env={**variables, **guard.mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise _not_found() from error
        except (OSError, ValueError) as error:
            # A ValueError is about what no process can be given, such as a null character.
            raise _launch_failed(str(error)) from error
    guard.began("session", process.pid)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await kill([process.pid], guard)
        await process.wait()
        raise
    if survivors is None:
        kill_group(process.pid)
        guard.over("session", process.pid)
    else:
        survivors.append(process.pid)
    return code if code >= 0 else 128 - code


async def kill(sessions: Iterable[int], guard: Guard) -> None:
    """Kill all processes of sessions that outlived their commands."""
    for leader in sessions:
        await asyncio.to_thread(kill_session, leader)
        guard.over("session", leader)


def _not_found() -> LaunchError:
    details = (("Message", "The system cannot find the file specified"),)
    return LaunchError(
        FailureInfo("CommandProgramNotFound", "The specified command program is not found", details)
    )


def _launch_failed(reason: str) -> LaunchError:
    message = "Failed to launch the specified command line"
    return LaunchError(FailureInfo("CommandLaunchFailed", message, (("Message", reason),)))
