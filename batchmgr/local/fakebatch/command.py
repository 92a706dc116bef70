"""The process of the local Batch service: its arguments, its first lines of output, its end."""

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from batchmgr.local.fakebatch.bodies.pool import accept_pool
from batchmgr.local.fakebatch.server import Options, serving
from batchmgr.local.fakebatch.wire.errors import BatchError
from batchmgr.local.fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

DESCRIPTION: Final = "Serve a local Azure Batch account that really runs the tasks."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=10100,
        help="the port to serve on, 0 for a free one (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the endpoint, account and key as JSON")
    parser.add_argument(
        "--pool",
        type=_pool,
        action="append",
        default=[],
        metavar="ID=NODESxSLOTS",
        help="a pool to begin with, such as hpc=2x4: two nodes that run four tasks each; may be repeated",
    )
    parser.add_argument(
        "--root", type=Path, help="where to keep the files of tasks (default: a directory removed at the end)"
    )
    parser.add_argument(
        "--active-job-quota", type=int, default=300, help="the most active jobs (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the process is asked to end by SIGTERM or SIGINT. Returns its exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with _root(args.root) as root:
        options = Options(
            root=root,
            host=args.host,
            port=args.port,
            pools=tuple(args.pool),
            active_job_quota=args.active_job_quota,
        )
        try:
            asyncio.run(_serve(options, as_json=args.json))
        except OSError as error:
            sys.stderr.write(f"cannot serve on {args.host}:{args.port}: {error}\n")
            return 1
    return 0


def main() -> int:
    """Run the command with the arguments of the process."""
    parser = argparse.ArgumentParser(prog="python -m batchmgr.local.fakebatch", description=DESCRIPTION)
    add_arguments(parser)
    return run(parser.parse_args())


async def _serve(options: Options, *, as_json: bool) -> None:
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    async with serving(options) as endpoint:
        sys.stdout.write(_greeting(endpoint, as_json=as_json))
        sys.stdout.flush()
        await asked_to_end.wait()


def _greeting(endpoint: str, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"endpoint": endpoint, "account": ACCOUNT_NAME, "key": ACCOUNT_KEY}) + "\n"
    return (
        f"The local Batch service is listening at {endpoint}\n"
        f"account: {ACCOUNT_NAME}\n"
        f"key:     {ACCOUNT_KEY}\n"
    )


@contextmanager
def _root(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fakebatch-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()


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
