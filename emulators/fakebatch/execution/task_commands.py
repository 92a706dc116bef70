"""Run the command lines of tasks, without a shell, and kill them with all processes they started."""

import asyncio
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from fakebatch.errors import LaunchError
from fakebatch.execution.process_killing import kill_group, kill_session
from fakebatch.execution.watchdog import Watchdog
from fakebatch.failure_info import FailureInfo


def parse(command_line: str, directory: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. Raises LaunchError if there is no such program.

    A program with a slash in its name is relative to `directory`. Any other is searched on the task's PATH.
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
    """Split a line into words, with the quoting rules of a shell. Raises LaunchError."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise _launch_failed(str(error)) from error


async def run(
    command: list[str],
    directory: Path,
    variables: Mapping[str, str],
    task_root: Path,
    watchdog: Watchdog,
    survivors: list[int] | None = None,
) -> int:
    """Run a command to its end and return its exit code, which is 128 + n if signal n killed it.

    Its output is appended to stdout.txt and stderr.txt in `task_root`. When the command ends, the remaining
    processes of its process group are killed. With `survivors` they keep running instead: the session is
    added to that list, for the caller to `kill`. If the call is cancelled, the whole session is killed.
    Raises LaunchError.
    """
    watchdog.start()
    with (task_root / "stdout.txt").open("ab") as out, (task_root / "stderr.txt").open("ab") as err:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=directory,
                env={**variables, **watchdog.mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise _not_found() from error
        except (OSError, ValueError) as error:
            # Python raises ValueError for arguments no process can have, such as a null character.
            raise _launch_failed(str(error)) from error
    watchdog.started("session", process.pid)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await kill([process.pid], watchdog)
        await process.wait()
        raise
    if survivors is None:
        kill_group(process.pid)
        watchdog.ended("session", process.pid)
    else:
        survivors.append(process.pid)
    return code if code >= 0 else 128 - code


async def kill(sessions: Iterable[int], watchdog: Watchdog) -> None:
    """Kill all processes of sessions whose commands have ended."""
    for leader in sessions:
        await asyncio.to_thread(kill_session, leader)
        watchdog.ended("session", leader)


def _not_found() -> LaunchError:
    details = (("Message", "The system cannot find the file specified"),)
    return LaunchError(
        FailureInfo("CommandProgramNotFound", "The specified command program is not found", details)
    )


def _launch_failed(reason: str) -> LaunchError:
    message = "Failed to launch the specified command line"
    return LaunchError(FailureInfo("CommandLaunchFailed", message, (("Message", reason),)))
