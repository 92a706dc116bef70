"""Command lines: found, started without a shell, and killed with all they have started."""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from batchmgr.local.fakebatch.model.outcomes import Failure

# A descendant that starts another while it is being killed is found in the next round.
_ROUNDS: Final = 5


class LaunchError(Exception):
    """A command line that cannot be started; `failure` is what the task reports."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def parse(command_line: str, directory: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. Raises LaunchError.

    A program with a slash in its name is looked for in `directory`, any other on the PATH of the task.
    """
    try:
        words = shlex.split(command_line)
    except ValueError as error:
        raise _launch_failed(str(error)) from error
    if not words:
        raise _launch_failed("The command line is empty")
    program = words[0]
    found = shutil.which(
        str(directory / program) if "/" in program else program, path=variables.get("PATH", os.defpath)
    )
    if found is None:
        raise _not_found()
    return [found, *words[1:]]


async def run(
    command: list[str],
    directory: Path,
    variables: Mapping[str, str],
    task_root: Path,
    survivors: list[int] | None = None,
) -> int:
    """Run a command to its end and return its exit code; 128 + n where the signal n killed it.

    Its output is added to stdout.txt and stderr.txt in `task_root`. When it ends, what it leaves behind in
    its process group is killed, or else its session is noted in `survivors`, to be killed with `kill`. When
    the call is cancelled, all of its session is killed. Raises LaunchError.
    """
    with (task_root / "stdout.txt").open("ab") as out, (task_root / "stderr.txt").open("ab") as err:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=directory,
                env=variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise _not_found() from error
        except OSError as error:
            raise _launch_failed(str(error)) from error
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await asyncio.to_thread(_kill_session, process.pid)
        await process.wait()
        raise
    if survivors is None:
        _kill_group(process.pid)
    else:
        survivors.append(process.pid)
    return code if code >= 0 else 128 - code


async def kill(sessions: Iterable[int]) -> None:
    """Kill all processes of sessions that outlived their commands."""
    for leader in sessions:
        await asyncio.to_thread(_kill_session, leader)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _kill_session(leader: int) -> None:
    """Kill the process group of a command, and the groups that its descendants made for themselves."""
    _kill_group(leader)
    for _ in range(_ROUNDS):
        members = _session_members(leader)
        if not members:
            return
        for member in members:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)


def _session_members(leader: int) -> list[int]:
    """Return the live processes of a session; none where the system does not list processes in /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name of the program, in parentheses, may hold anything.
            state, _, _, session, *_ = entry.read_text().rpartition(")")[2].split()
            if int(session) == leader and state != "Z":
                found.append(int(entry.parent.name))
    return found


def _not_found() -> LaunchError:
    details = (("Message", "The system cannot find the file specified"),)
    return LaunchError(
        Failure("CommandProgramNotFound", "The specified command program is not found", details)
    )


def _launch_failed(reason: str) -> LaunchError:
    message = "Failed to launch the specified command line"
    return LaunchError(Failure("CommandLaunchFailed", message, (("Message", reason),)))
