"""A process family: a process and all that come of it, even if they leave its process group.

All members have an environment variable that no other process has. A guardian, this file run as a program,
kills them as soon as its standard input ends. The operating system closes that however this process ends, so
the members end too if it is killed. Members are only found on Linux.

    python process_family.py NAME=VALUE
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

_PAUSE_S = 0.02
_LONGEST_S = 10


class ProcessFamily:
    """The client of a guardian. Start the first process of the family with the variables in `mark`."""

    def __init__(self) -> None:
        # A name of its own, so that a family inside another one belongs to both.
        name = f"BATCHMGR_PROCESS_FAMILY_{uuid.uuid4().hex}"
        self.mark: Mapping[str, str] = {name: "1"}
        """The environment variable of all members."""
        self._guardian = subprocess.Popen(
            [sys.executable, "-IS", __file__, f"{name}=1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # It must live on if the group of this process is killed.
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill all members, and return when they have ended. A second call does nothing."""
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()
        self._guardian.wait()


def main() -> None:
    """Wait for the end of standard input, then kill the members of a family until there are none."""
    sys.stdin.buffer.read()
    mark = sys.argv[1].encode()
    until = time.monotonic() + _LONGEST_S
    # A member may have started another one after the directory was read, so only an empty round is the last.
    while time.monotonic() < until and (members := list(_members(mark))):
        for process in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, SIGKILL)
        time.sleep(_PAUSE_S)


def _members(mark: bytes) -> Iterator[int]:
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (directory / "environ").read_bytes().split(b"\0"):
                yield int(directory.name)


if __name__ == "__main__":
    main()
