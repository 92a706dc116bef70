"""Command lines that are not the workload's own tasks: started without a shell, as Azure Batch does."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import IO, Any

from batchmgr.dispatcher.memory_batch import Ending
from batchmgr.model.batch_snapshots import TaskError

_KILLED = 137
_LAST_WORDS_S = 1.0
"""How long the output of a program that has ended is waited for: another may hold its end of the pipe."""


def words_of(command_line: str) -> list[str]:
    """The program and its arguments; none if they can't be told."""
    try:
        return shlex.split(command_line)
    except ValueError:
        return []


def run_program(
    words: Sequence[str], *, variables: Mapping[str, str], directory: Path, time_limit: timedelta | None
) -> Ending:
    """Run a program to its end, or to its time limit; what it writes goes to `sys.stdout` and `sys.stderr`.

    A program with a slash in its name is looked for in `directory`, any other on the PATH of the task. What
    it leaves behind in its process group is killed.
    """
    if not words:
        return _not_started("CommandLaunchFailed", "Failed to launch the specified command line")
    name = str(directory / words[0]) if "/" in words[0] else words[0]
    program = shutil.which(name, path=variables.get("PATH", os.defpath))
    if program is None:
        message = f"The specified command program is not found (Program: {words[0]})"
        return _not_started("CommandProgramNotFound", message)
    try:
        process = subprocess.Popen(
            [program, *words[1:]],
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        reason = f"Failed to launch the specified command line (Message: {error})"
        return _not_started("CommandLaunchFailed", reason)
    return _followed(process, time_limit)


def _followed(process: "subprocess.Popen[bytes]", time_limit: timedelta | None) -> Ending:
    pairs = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    pumps = [Thread(target=_pump, args=pair, daemon=True) for pair in pairs]
    for pump in pumps:
        pump.start()
    try:
        code = process.wait(time_limit.total_seconds() if time_limit else None)
    except subprocess.TimeoutExpired:
        message = "The task ran longer than its maxWallClockTime and was ended"
        error = TaskError(type="TaskEnded", category="UserError", message=message)
        return Ending(exit_code=_KILLED, error=error)
    finally:
        _kill_group(process)
        for pump in pumps:
            pump.join(_LAST_WORDS_S)
    return Ending.exited(code if code >= 0 else 128 - code)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if not hasattr(os, "killpg"):  # Windows has no such groups
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _pump(pipe: IO[bytes], stream: Any) -> None:
    """Pass on what comes, as it comes."""
    buffer = getattr(stream, "buffer", None)
    with pipe:
        while data := os.read(pipe.fileno(), 64 * 1024):
            if buffer is not None:
                buffer.write(data)
                buffer.flush()
            else:
                stream.write(data.decode(errors="replace"))


def _not_started(code: str, message: str) -> Ending:
    return Ending(error=TaskError(type=code, category="UserError", message=message))
