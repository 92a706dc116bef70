"""Runs the host as a command."""

import argparse
import asyncio
import logging
from pathlib import Path

from functions_host.errors import HostError
from functions_host.host_logging import log_to_stderr
from functions_host.settings import prepare_environment
from functions_host.worker_process import WorkerProcess

_log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> int:
    """Run a host until it is stopped, or has failed. Return the exit code."""
    log_to_stderr()
    workers = _Workers(args.script_root.resolve())
    try:
        asyncio.run(_serve(args, workers))
    except HostError as error:
        _log.error("%s", error)
        return 1
    finally:
        workers.kill_spare()
    return 0


async def _serve(args: argparse.Namespace, workers: "_Workers") -> None:
    # It takes half a second to import the clients of Azure. Meanwhile the first worker imports the app.
    workers.start_spare()
    from functions_host.host_process import HostProcess
    from functions_host.job_host_options import JobHostOptions

    options = JobHostOptions(
        script_root=workers.script_root,
        address=args.host,
        port=args.port,
        enable_auth=args.enable_auth,
        blob_scan_interval=args.blob_scan_interval,
        patient=args.patient,
    )
    await HostProcess(options, new_worker=workers.new, as_json=args.json).run()


class _Workers:
    """Starts worker processes, the first one before it is asked for."""

    def __init__(self, script_root: Path) -> None:
        self.script_root = script_root
        self._spare: WorkerProcess | None = None

    def start_spare(self) -> None:
        """Start a worker that `new` will return. Raises ConfigurationError."""
        prepare_environment(self.script_root)
        self._spare = WorkerProcess(self.script_root)

    def new(self) -> WorkerProcess:
        """Return a worker that nobody uses yet."""
        worker, self._spare = self._spare or WorkerProcess(self.script_root), None
        return worker

    def kill_spare(self) -> None:
        """End a worker that has not been asked for."""
        if self._spare is not None:
            self._spare.kill()
