"""Runs the fake Azure Batch as a child process."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmgr.devstack.app_settings import POOL_ID
from batchmgr.devstack.certificate import Certificate
from batchmgr.devstack.child_processes import ChildProcesses

_READY = re.compile(r'^\{"endpoint".*\}$', re.MULTILINE)
_START_TIMEOUT_S = 30


async def start_fake_batch(
    processes: ChildProcesses,
    *,
    root: Path,
    environment: Mapping[str, str],
    port: int,
    applications: Sequence[str],
    keeps_state: bool,
    certificate: Certificate | None = None,
    active_jobs: int = 300,
    arguments: Sequence[str] = (),
) -> Mapping[str, str]:
    """Start it, with its files in `root`. Return its `endpoint`, `account` and `key`. Raises StackError.

    With a certificate, it serves over https, and takes tokens. `active_jobs` is the quota of its account.
    `arguments` are added to its command line.
    """
    command = [
        *(sys.executable, "-m", "fakebatch", "--json"),
        *("--port", str(port), "--pool", f"{POOL_ID}=2x4"),
        *("--active-job-quota", str(active_jobs)),
        *("--state" if keeps_state else "--root", str(root)),
        *(f"--application={_with_absolute_path(application)}" for application in applications),
        *(["--certificate", str(certificate.certificate)] if certificate else []),
        *arguments,
    ]
    child = await processes.start("fake Azure Batch", command, environment=environment, directory=root)
    ready = await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    description: dict[str, str] = json.loads(ready[0])
    return description


def _with_absolute_path(application: str) -> str:
    """Make the application's path absolute, because the fake Batch runs in another directory."""
    *names, file = application.split("=", 2)
    return "=".join((*names, str(Path(file).absolute())))
