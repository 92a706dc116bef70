"""Processes of tasks that outlived the service that started them."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def kill_orphans(root: Path) -> int:
    """Kill the processes of tasks whose files are below `root`, and return how many there were.

    They are known by the root directory of their node in their environment. Where the system does not list
    processes in /proc none is found.
    """
    mark = f"AZ_BATCH_NODE_ROOT_DIR={root}/".encode()
    killed = 0
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if any(variable.startswith(mark) for variable in entry.read_bytes().split(b"\0")):
                os.kill(int(entry.parent.name), signal.SIGKILL)
                killed += 1
    return killed
