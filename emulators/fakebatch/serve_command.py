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
from typing import Any, Final

from fakebatch.account_arguments import add_account_arguments, auto_storage_of, quotas_of
from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.errors import BatchError, JournalError, StateInUseError
from fakebatch.server import Options, serving
from fakebatch.simulation.simulated_executor import DURATION, EXIT_CODE
from fakebatch.simulation.simulation_plan import SimulationPlan, parse_plan
from fakebatch.tls import make_certificate
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

DESCRIPTION: Final = "Run a fake Azure Batch account on this machine. It really runs the tasks."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=10100,
        help="the port to serve on; 0 picks a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--https", action="store_true", help="serve over https, with a new self-signed certificate"
    )
    parser.add_argument(
        "--control-port",
        type=int,
        help="the port of the control API, which injects faults; 0 picks a free one (default: none)",
    )
    parser.add_argument(
        "--loose",
        action="store_true",
        help="ignore unknown properties of request bodies instead of refusing them",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the endpoint, account and key as one line of JSON"
    )
    parser.add_argument(
        "--pool",
        type=_pool,
        action="append",
        default=[],
        metavar="ID=NODESxSLOTS",
        help="create a pool at the start; hpc=2x4 has two nodes that run four tasks each; may be repeated",
    )
    parser.add_argument(
        "--root",
        type=Path,
        help="the directory for the files of tasks (default: `nodes` in the --state directory; "
        "without --state, a temporary directory that is removed at the end)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="keep everything in this directory, and continue from it at the next start, even after a crash",
    )
    parser.add_argument(
        "--executor",
        choices=("processes", "simulated"),
        default="processes",
        help="run tasks as processes, or only simulate the time they take (default: %(default)s)",
    )
    parser.add_argument(
        "--simulate",
        type=_plan,
        default="",
        metavar="PLAN",
        help="how simulated tasks behave, such as 'duration=2s failure=0.01 seed=7 speed=max'; duration is "
        "2s, uniform(1s,3s), exponential(2s) with this mean, lognormal(2s,1.5) with this median and sigma; "
        "failure is the share of runs that fail; speed is a factor, or max; the environment settings "
        f"{DURATION} and {EXIT_CODE} of a task override it",
    )
    add_account_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the process gets SIGTERM or SIGINT. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # With 100,000 tasks in memory, garbage collection at the default rate costs a fifth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with _root(_chosen_root(args)) as root:
        try:
            certificate = make_certificate(root / "tls", args.host) if args.https else None
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


def main() -> int:
    """Run the command with the arguments of the process. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fakebatch", description=DESCRIPTION)
    add_arguments(parser)
    return run(parser.parse_args())


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


def _plan(text: str) -> SimulationPlan:
    try:
        return parse_plan(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pool(text: str) -> dict[str, Any]:
    """Return the body of the pool that an argument such as `hpc=2x4` describes."""
    try:
        pool_id, size = text.split("=")
        nodes, slots = (int(number) for number in size.split("x"))
        body = _pool_body(pool_id, nodes, slots)
        accept_pool(body)
    except (ValueError, BatchError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ID=NODESxSLOTS: {error}") from error
    return body


def _pool_body(pool_id: str, nodes: int, slots: int) -> dict[str, Any]:
    return {
        "id": pool_id,
        "vmSize": "standard_d2s_v3",
        "targetDedicatedNodes": nodes,
        "taskSlotsPerNode": slots,
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "microsoft-dsvm",
                "offer": "ubuntu-hpc",
                "sku": "2204",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 22.04",
        },
    }
