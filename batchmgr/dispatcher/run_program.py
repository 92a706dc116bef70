"""Runs command lines that are not tasks of the workload. As in Azure Batch, they run without a shell."""

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

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.model.batch_snapshots import TaskError

_KILLED = 137
_DRAIN_S = 1.0
"""How long to read the output of a program that has ended. Another process may still hold its pipe open."""


def split_command_line(command_line: str) -> list[str]:
    """Return the program and its arguments, or an empty list if the quoting is wrong."""
    try:
        return shlex.split(command_line)
    except ValueError:
        return []


def run_program(
    words: Sequence[str], *, variables: Mapping[str, str], directory: Path, time_limit: timedelta | None
) -> TaskExit:
    """Run a program until it ends or its time limit passes. Its output goes to `sys.stdout` and `sys.stderr`.

    A program with a slash in its name is found in `directory`, any other on the task's PATH. When it has
    ended, the processes that it left in its process group are killed.
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
    return _wait(process, time_limit)


def _wait(process: "subprocess.Popen[bytes]", time_limit: timedelta | None) -> TaskExit:
    pairs = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    pumps = [Thread(target=_pump, args=pair, daemon=True) for pair in pairs]
    try:  # Ctrl-C may come from here on, also while the pumps start
        for pump in pumps:
            pump.start()
        code = process.wait(time_limit.total_seconds() if time_limit else None)
    except subprocess.TimeoutExpired:
        message = "The task ran longer than its maxWallClockTime and was ended"
        error = TaskError(type="TaskEnded", category="UserError", message=message)
        return TaskExit(exit_code=_KILLED, error=error)
    finally:
        _kill_group(process)
        for pump in filter(Thread.is_alive, pumps):
            pump.join(_DRAIN_S)
    return TaskExit.exited(code if code >= 0 else 128 - code)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if not hasattr(os, "killpg"):  # Windows has no process groups
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _pump(pipe: IO[bytes], stream: Any) -> None:
    """Copy the pipe to the stream as data arrives."""
    buffer = getattr(stream, "buffer", None)
    with pipe:
        while data := os.read(pipe.fileno(), 64 * 1024):
            if buffer is not None:
                buffer.write(data)
                buffer.flush()
            else:
                stream.write(data.decode(errors="replace"))


def _not_started(code: str, message: str) -> TaskExit:
    return TaskExit(error=TaskError(type=code, category="UserError", message=message))
