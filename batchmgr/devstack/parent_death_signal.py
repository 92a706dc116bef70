"""Becomes a command that Linux ends when its parent ends.

    python leash.py PARENT_PID SIGNAL COMMAND ARGUMENT…

A program of its own, because between fork and exec a process with threads must not run Python code.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, then become the command. Does not return."""
    parent, orphan_signal, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
    if os.getppid() != int(parent):
        sys.exit("The parent ended before its child began.")
    os.execvp(command[0], command)  # noqa: S606 - a list, never a shell


if __name__ == "__main__":
    main()
