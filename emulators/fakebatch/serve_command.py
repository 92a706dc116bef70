"""The command that runs the fake Azure Batch: `python -m fakebatch`, or `batchmgr fakebatch`."""

import argparse
import asyncio
import gc
import json
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakebatch.account_arguments import auto_storage_of, quotas_of
from fakebatch.errors import JournalError, StateInUseError
from fakebatch.server import Options, serving
from fakebatch.tls import make_certificate
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME


def run(args: argparse.Namespace) -> int:
    """Serve until the process gets SIGTERM or SIGINT. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # With 100,000 tasks in memory, garbage collection at the default rate costs a fifth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with _root(_chosen_root(args)) as root:
        try:
            certificate = make_certificate(root / "tls", args.host) if args.https else args.certificate
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        control = None if args.control_port is None else socket.create_server((args.host, args.control_port))
        options = Options(
            root=root,
            host=args.host,
            port=args.port,
            pools=tuple(args.pool),
            quotas=quotas_of(args),
            applications=tuple(args.application),
            auto_storage=auto_storage_of(args),
            simulation=args.simulate if args.executor == "simulated" else None,
            certificate=certificate,
            loose=args.loose,
            control=control,
            state=args.state,
        )
        try:
            asyncio.run(_serve(options, as_json=args.json))
        except OSError as error:
            sys.stderr.write(f"cannot serve on {args.host}:{args.port}: {error}\n")
            return 1
        except (JournalError, StateInUseError) as error:
            sys.stderr.write(f"cannot continue from the state in {args.state}: {error}\n")
            return 1
    return 0


async def _serve(options: Options, *, as_json: bool) -> None:
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    async with serving(options) as endpoint:
        sys.stdout.write(_greeting(endpoint, options, as_json=as_json))
        sys.stdout.flush()
        await asked_to_end.wait()


def _greeting(endpoint: str, options: Options, *, as_json: bool) -> str:
    facts = {"account": ACCOUNT_NAME, "key": ACCOUNT_KEY}
    if options.certificate is not None:
        facts["certificate"] = str(options.certificate)
    if options.control is not None:
        facts["control"] = f"http://{options.host}:{options.control.getsockname()[1]}"
    if as_json:
        return json.dumps({"endpoint": endpoint} | facts) + "\n"
    shown = "".join(f"{name}: {text}\n" for name, text in facts.items())
    return f"The fake Azure Batch is listening at {endpoint}\n{shown}"


def _chosen_root(args: argparse.Namespace) -> Path | None:
    """Return the directory that keeps the files of tasks, or None if they are temporary."""
    if args.root is None and args.state is not None:
        return Path(args.state) / "nodes"
    root: Path | None = args.root
    return root


@contextmanager
def _root(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fakebatch-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()
