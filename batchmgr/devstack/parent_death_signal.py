"""Runs a command that Linux sends a signal to when its parent ends.

    python parent_death_signal.py PARENT_PID SIGNAL COMMAND ARGUMENT…

This is a separate program, because a process with threads must not run Python code between fork and exec.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Request the signal, then replace this process with the command. Does not return."""
    parent, orphan_signal, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
    if os.getppid() != int(parent):
        sys.exit("The parent ended before its child began.")
    os.execvp(command[0], command)  # noqa: S606 - a list, never a shell


if __name__ == "__main__":
    main()
