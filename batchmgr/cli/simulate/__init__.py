"""`batchmgr simulate`: what a job would take on pools that may be, before it costs money.

The tasks come from a job message, or an earlier job, or are so many of one kind. No job is sent
anywhere: an earlier job is read from the app, and the simulation runs on this machine.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from batchmgr.cli.simulate.argument_types import count, distribution, horizon, interval, numbers, rate, share
from batchmgr.cli.simulate.read_plan import ASSUMED, FEW_RUNS, MANY_TASKS, RUNS, read_plan
from batchmgr.cli.simulate.result_json import comparison_answer
from batchmgr.dashboard.page import report_page
from batchmgr.simulation.durations import FORMS
from batchmgr.simulation.forecast_process import run_forecast
from batchmgr.simulation.format_table import format_comparison
from batchmgr.simulation.plot_curves import plot_curves
from batchmgr.simulation.simulate import Comparison, simulate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job = parser.add_argument_group("the job")
    job.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a job message in JSON")
    job.add_argument(
        "--like",
        metavar="JOB",
        help="an earlier job: its id, or a file with its timeline; it says how long tasks of each kind take, "
        "which tasks there are if no FILE does, and what really happened",
    )
    job.add_argument("--tasks", type=count, metavar="N", help="so many independent tasks, in place of a FILE")
    job.add_argument(
        "--duration",
        action="append",
        default=[],
        metavar="KIND=TIME",
        help=f"how long tasks of a kind take, all other kinds without KIND=: {FORMS}; may be repeated",
    )
    job.add_argument("--failure", type=share, metavar="SHARE", help="the share of runs that fail, 0 to 1")
    job.add_argument(
        "--at",
        metavar="TIME",
        help="when the job comes, in ISO 8601, for formulas that read the clock (default: a Monday, 9 UTC)",
    )
    pools = parser.add_argument_group("the pools")
    pools.add_argument("--nodes", type=numbers, default=[], metavar="N,…", help="pools of so many nodes")
    pools.add_argument(
        "--formula",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a pool that is scaled by this autoscale formula; may be repeated",
    )
    pools.add_argument(
        "--pool",
        action="append",
        default=[],
        metavar="ID",
        help="a pool of the Batch account that the app's settings name, in the environment or in "
        "local.settings.json: its size or formula, and its slots; may be repeated",
    )
    pools.add_argument("--slots", type=count, help="task slots of a node (default: 1, or those of --like)")
    pools.add_argument(
        "--spot", type=share, default=0.0, metavar="SHARE", help="the share of spot nodes in --nodes, 0 to 1"
    )
    pools.add_argument(
        "--eviction-rate",
        type=rate,
        default=0.0,
        metavar="RATE",
        help="how often a spot node is preempted, in an hour (default 0)",
    )
    pools.add_argument(
        "--interval",
        type=interval,
        default=900.0,
        metavar="TIME",
        help="between two evaluations (default 15m)",
    )
    pools.add_argument("--quota", metavar="N", help="the most nodes of a kind, such as 50, or 200cores")
    pools.add_argument("--vm-size", metavar="SIZE", help="the VM size, for the quota in cores and the prices")
    pools.add_argument(
        "--prices", type=Path, metavar="FILE", help="a table of prices in JSON; without it: hours"
    )
    assumed = parser.add_argument_group(
        "what is assumed", "Each is a time or a distribution, as for --duration."
    )
    for name, default, text in (
        ("--resize", ASSUMED.resize, "until Azure has machines"),
        ("--boot", ASSUMED.boot, "until a machine is up"),
        ("--start-task", ASSUMED.start_task, "that the start task of a node takes"),
        ("--scheduling-delay", ASSUMED.scheduling, "between the choice of a node and the start of a task"),
    ):
        assumed.add_argument(name, type=distribution, metavar="TIME", help=f"{text} (default {default})")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--runs",
        type=count,
        metavar="N",
        help=f"runs of each pool (default {RUNS}, or {FEW_RUNS} with more than {MANY_TASKS:,} tasks)",
    )
    how.add_argument("--seed", type=int, default=0, help="another seed, other runs (default 0)")
    how.add_argument(
        "--horizon",
        type=horizon,
        default=7 * 86_400.0,
        metavar="TIME",
        help="give a run up then (default 7d)",
    )
    how.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "html"),
        default="text",
        help="html is a page that shows it, in one file (default text)",
    )
    how.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves, as PNG or SVG")
    app = parser.add_argument_group("the app", "Where --like finds a job.")
    app.add_argument("--url", default="", help="its address (default: BATCHMGR_URL, or the local stack)")
    app.add_argument("--key", default="", help="a function key, or @FILE (default: BATCHMGR_KEY)")
    app.add_argument("--profile", default="", metavar="NAME", help="a profile, with an address and a key")


def run(args: argparse.Namespace) -> int:
    """Print the comparison. Return 1 if the job does not end on any pool, else 0."""
    comparison = simulate(read_plan(args), run_forecast)
    if args.plot is not None:
        plot_curves(comparison, args.plot)
    print(_OUTPUTS[args.output](comparison))
    return int(all(result.unended for result in comparison.results))


def _as_json(comparison: Comparison) -> str:
    return msgspec.json.encode(comparison_answer(comparison)).decode()


def _as_page(comparison: Comparison) -> str:
    made_at = datetime.now(UTC).isoformat()
    return report_page({"madeAt": made_at, "simulation": comparison_answer(comparison)})


_OUTPUTS = {"text": format_comparison, "json": _as_json, "html": _as_page}
