"""Kills the processes of tasks: those of a session, or those with something in their environment.

As a program, `python killing.py MARK`, it is the guard beside a service: it reads from its standard input
what runs, and when that ends before the service said so, it kills all of it, and whatever has the mark in its
environment. It needs the standard library alone, so that it starts fast.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

# A descendant that starts another while it is being killed is found in the next round.
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
    """Kill the processes with a variable in their environment that begins so, and return how many there were.

    Where the system does not list processes in /proc none is found.
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


def guard(mark: str, lines: Iterable[str]) -> None:
    """Follow what runs: `began WHAT`, `over WHAT`, and `end` where the service ended all of it by itself.

    WHAT is `session LEADER` or `container RUNTIME NAME`. What has left its session is killed in any case.
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
    # What was just being started has its environment only a moment later.
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
    guard(sys.argv[1], sys.stdin)
