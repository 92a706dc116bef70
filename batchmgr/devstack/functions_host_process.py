"""Runs the Functions host as a child process: Azure Functions Core Tools, or the embedded host."""

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import aiohttp

from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses
from batchmgr.devstack.tcp_ports import LOOPBACK, free_port
from batchmgr.errors import StackError

HostKind = Literal["embedded", "func"]

_logger = logging.getLogger(__name__)

_READY = re.compile(r'^\{"functions".*\}$', re.MULTILINE)
_START_TIMEOUT_S = 60
_POLL_S = 0.2


def default_host_kind() -> HostKind:
    """Return `func` if Azure Functions Core Tools are installed, else `embedded`."""
    return "func" if shutil.which("func") else "embedded"


async def start_functions_host(
    processes: ChildProcesses,
    kind: HostKind,
    *,
    project: Path,
    environment: Mapping[str, str],
    port: int,
    patient: bool = False,
) -> tuple[ChildProcess, str]:
    """Start the host for the app in `project`, and wait until all functions listen.

    With `patient`, the embedded host spares developers the waits of the real one. Return the process and its
    base URL. Raises StackError.
    """
    if kind == "func":
        child, url = await _start_core_tools(processes, project=project, environment=environment, port=port)
    else:
        child, url = await _start_embedded(
            processes, project=project, environment=environment, port=port, patient=patient
        )
    await _raise_unless_functions_run(child, url)
    return child, url


async def _start_embedded(
    processes: ChildProcesses, *, project: Path, environment: Mapping[str, str], port: int, patient: bool
) -> tuple[ChildProcess, str]:
    command = [
        *(sys.executable, "-m", "functions_host", "--script-root", str(project)),
        *("--port", str(port), "--json"),
        *(["--patient"] if patient else []),
    ]
    child = await _start(processes, command, project, environment)
    ready = await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    return child, str(json.loads(ready[0])["functions"])


async def _start_core_tools(
    processes: ChildProcesses, *, project: Path, environment: Mapping[str, str], port: int
) -> tuple[ChildProcess, str]:
    if shutil.which("func") is None:
        raise StackError(
            "func is not on the PATH. Install Azure Functions Core Tools, or use --host embedded."
        )
    _warn_of_other_app(project, environment)
    chosen = port or free_port()
    child = await _start(processes, ["func", "start", "--port", str(chosen)], project, environment)
    url = f"http://{LOOPBACK}:{chosen}"
    try:
        async with asyncio.timeout(_START_TIMEOUT_S), aiohttp.ClientSession() as session:
            while not await _is_running(session, url):
                child.raise_if_ended()
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise StackError(
            f"func start was not ready within {_START_TIMEOUT_S} seconds. "
            f"The end of its log:\n{child.log_tail()}"
        ) from error
    return child, url


async def _start(
    processes: ChildProcesses, command: Sequence[str], project: Path, environment: Mapping[str, str]
) -> ChildProcess:
    # If this process is killed, Azurite ends too. A host that got SIGTERM would wait for it, so send SIGKILL.
    return await processes.start(
        "Functions host",
        command,
        environment=environment,
        directory=project,
        orphan_signal=signal.SIGKILL,
        # The host of Core Tools starts a worker that goes on if the host is killed.
        with_family=True,
    )


def _warn_of_other_app(project: Path, environment: Mapping[str, str]) -> None:
    """Warn if PYTHONPATH holds another app, because the Python worker of Core Tools imports that one."""
    app = project / "function_app.py"
    for directory in environment.get("PYTHONPATH", "").split(os.pathsep):
        other = Path(directory) / app.name
        if directory and other.exists() and not (app.exists() and other.samefile(app)):
            _logger.warning("PYTHONPATH has another app: Core Tools import %s, not %s.", other, app)


async def _raise_unless_functions_run(child: ChildProcess, url: str) -> None:
    """Raise StackError if the app could not be loaded. Both hosts go on without functions then."""
    try:
        async with aiohttp.ClientSession() as session:
            running = await _is_running(session, url)
            async with session.get(f"{url}/admin/functions") as answer:
                functions = await answer.json() if answer.status == 200 else []
    except (aiohttp.ClientError, json.JSONDecodeError):
        running, functions = False, []
    if not running or not functions:
        raise StackError(
            f"The Functions host runs, but it has no functions. The end of its log:\n{child.log_tail()}"
        )


async def _is_running(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/admin/host/status") as answer:
            return answer.status == 200 and (await answer.json()).get("state") == "Running"
    except (aiohttp.ClientError, json.JSONDecodeError):
        return False
