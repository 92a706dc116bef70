"""Kill the processes of tasks: those of a session, or those with a certain variable in their environment.

Run as a program, `python process_killing.py MARK`, this module is the watchdog process. It reads from its
standard input which sessions and containers run. If the input ends before the service said that it stops, the
program kills all of them, and every process with the mark in its environment. It imports only the standard
library, so that it starts fast.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

# A process may start another one while it is being killed. The next round finds that one.
_ROUNDS = 5
_PAUSE_S = 0.05


def kill_group(leader: int) -> None:
    """Kill a process group."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill the process group of a command, and the groups that its descendants made for themselves."""
    kill_group(leader)
    for _ in range(_ROUNDS):
        if not _kill(_session_members(leader)):
            return


def kill_marked(beginning: str) -> int:
    """Kill the processes with an environment variable `NAME=value` that starts so; return their number.

    On a system without /proc, none is found.
    """
    return _kill(_marked(beginning.encode()))


def _kill(processes: Iterable[int]) -> int:
    killed = 0
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed += 1
    return killed


def _session_members(leader: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name of the program, in parentheses, may hold anything.
            state, _, _, session, *_ = entry.read_text().rpartition(")")[2].split()
            if int(session) == leader and state != "Z":
                yield int(entry.parent.name)


def _marked(beginning: bytes) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if any(variable.startswith(beginning) for variable in entry.read_bytes().split(b"\0")):
                yield int(entry.parent.name)


def watch(mark: str, lines: Iterable[str]) -> None:
    """Read what runs from `lines`, and kill what is left when they end.

    A line is `began WHAT`, `over WHAT`, or `end` if the service stopped everything itself. WHAT is
    `session LEADER` or `container RUNTIME NAME`. Processes that left their session are killed in any case.
    """
    running: dict[str, None] = {}
    for line in lines:
        verb, _, what = line.rstrip("\n").partition(" ")
        if verb == "end":
            kill_marked(mark)
            return
        if verb == "began":
            running[what] = None
        else:
            running.pop(what, None)
    for what in running:
        _end(what)
    # A process that is just being started gets its environment a moment later.
    time.sleep(_PAUSE_S)
    for _ in range(_ROUNDS):
        if not kill_marked(mark):
            return


def _end(what: str) -> None:
    match what.split(" "):
        case ["session", leader]:
            kill_session(int(leader))
        case ["container", runtime, name]:
            silent = subprocess.DEVNULL
            subprocess.run([runtime, "rm", "--force", name], stdout=silent, stderr=silent, check=False)


if __name__ == "__main__":
    watch(sys.argv[1], sys.stdin)
