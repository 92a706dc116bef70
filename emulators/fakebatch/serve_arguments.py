"""The command line of the fake Azure Batch. It needs only the standard library: `--help` always works."""

import argparse
from pathlib import Path
from typing import Any, Final

from fakebatch.account_arguments import add_account_arguments
from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.errors import BatchError
from fakebatch.simulation.simulated_executor import DURATION, EXIT_CODE
from fakebatch.simulation.simulation_plan import SimulationPlan, parse_plan

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
        "--certificate",
        type=Path,
        metavar="PEM",
        help="serve over https with this certificate, whose key is key.pem in the same directory",
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
        "2s, uniform(1s,3s), exponential(2s) with this mean, lognormal(2s,1.5) with this median and sigma, "
        "samples(1s,2s,5s); resize, boot and scheduling take times like that for machines, nodes and the "
        "starts of tasks (default 0s); eviction is how often a spot node is preempted, in an hour (default "
        "0); failure is the share of runs that fail; speed is a factor, or max; the environment settings "
        f"{DURATION} and {EXIT_CODE} of a task override it",
    )
    add_account_arguments(parser)


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
