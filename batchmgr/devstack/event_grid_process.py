"""Runs the stand-in for Event Grid as a child process. It reports finalize blobs to the Functions host."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER

_READY = re.compile(r'^\{"subscriptions".*\}$', re.MULTILINE)
_START_TIMEOUT_S = 60
_FUNCTION = "Host.Functions.finalize_job"


async def start_event_grid(
    processes: ChildProcesses, *, functions: str, state: Path, environment: Mapping[str, str]
) -> None:
    """Start the stand-in, and wait until the host has confirmed the subscription.

    `functions` is the base URL of the host. If the host restarts on the same port, the subscription stays.
    `state` is a directory that remembers which blobs were reported. Raises StackError.
    """
    command = [
        *(sys.executable, "-m", "functions_host.event_grid", "--json"),
        *("--webhook", f"{functions}/runtime/webhooks/blobs?functionName={_FUNCTION}"),
        *("--name", FINALIZE_CONTAINER, "--container", FINALIZE_CONTAINER, "--suffix", ".json"),
        # Blobs written before the first start are reported too: tasks may have ended while the stack was
        # stopped, and a job can be finalized more than once.
        *("--state", str(state), "--from-start"),
        # While the host restarts, the ten seconds of Azure's first retry would only make people wait.
        *("--retry-scale", "0.1"),
    ]
    child = await processes.start("Event Grid", command, environment=environment, directory=state)
    await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
