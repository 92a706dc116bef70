"""Runs the host as a process: its signals, its output and its exit code."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time

from functions_host.errors import HostError, WorkerLostError
from functions_host.job_host import JobHost, JobHostOptions
from functions_host.log_levels import LogLevelFilter

_log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> int:
    """Run a host until SIGINT or SIGTERM. Return the exit code."""
    _log_to_stderr()
    options = JobHostOptions(
        script_root=args.script_root.resolve(),
        address=args.host,
        port=args.port,
        enable_auth=args.enable_auth,
        blob_scan_interval=args.blob_scan_interval,
    )
    try:
        asyncio.run(_serve(options, as_json=args.json))
    except HostError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _serve(options: JobHostOptions, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host = JobHost(options)
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogLevelFilter(host.log_levels))
    await host.start()
    port = host.port
    if as_json and host.is_running:
        ready = {"functions": host.url}
        if options.enable_auth:
            ready |= {"masterKey": host.keys.master, "functionKey": host.keys.function}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
    try:
        await host.run(stop)
    except WorkerLostError as error:
        _log.error("%s: restarting", error)
        await host.stop()
        _replace_process([] if options.port == port else ["--port", str(port)])
    if not await host.stop():
        # Python waits for all threads at exit, so a thread that does not end would block it forever.
        _flush()
        os._exit(0)


def _replace_process(more_arguments: list[str]) -> None:
    """Replace this process with a new one of the same command, because a running thread cannot be stopped."""
    _flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], *more_arguments])  # noqa: S606


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _log_to_stderr() -> None:
    formatter = logging.Formatter("[%(asctime)s.%(msecs)03dZ] %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # At level INFO the storage clients log each request.
    logging.getLogger("azure").setLevel(logging.WARNING)
