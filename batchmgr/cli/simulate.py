"""`batchmgr simulate`: what a job would take on pools that may be, before it costs money.

The tasks come from a job message, or an earlier job, or are so many of one kind. Nothing is sent anywhere: an
earlier job is read from the app, and the simulation runs on this machine.
"""

import argparse
import asyncio
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from batchmgr.cli.app_client import add_app_arguments, call_app
from batchmgr.errors import SimulationError
from batchmgr.plan.task_kind import OTHER
from batchmgr.simulation import pool_variant
from batchmgr.simulation.durations import FORMS, durations_of, named, seconds, typical_s
from batchmgr.simulation.earlier_job import EarlierJob, earlier_job, read_timeline
from batchmgr.simulation.forecast_process import run_forecast
from batchmgr.simulation.format_table import format_comparison
from batchmgr.simulation.job_shape import JobShape, shape_of_count, shape_of_plan
from batchmgr.simulation.plot_curves import plot_curves
from batchmgr.simulation.pool_variant import Assumptions, PoolVariant
from batchmgr.simulation.prices import NodePrice, read_price
from batchmgr.simulation.result_json import comparison_json
from batchmgr.simulation.simulate import Plan, pool_as_it_was, simulate

_SHORTEST_INTERVAL_S = 300.0
_MOST_TASKS = 200_000
_RUNS = 20
_FEW_RUNS = 5
_MANY_TASKS = 2000
_LONGEST_HORIZON = re.compile(r"(\d+(?:\.\d+)?)d")
_ASSUMED = Assumptions()


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
    job.add_argument(
        "--tasks", type=_count, metavar="N", help="so many independent tasks, in place of a FILE"
    )
    job.add_argument(
        "--duration",
        action="append",
        default=[],
        metavar="KIND=TIME",
        help=f"how long tasks of a kind take, all other kinds without KIND=: {FORMS}; may be repeated",
    )
    job.add_argument("--failure", type=_share, metavar="SHARE", help="the share of runs that fail, 0 to 1")
    job.add_argument(
        "--at",
        metavar="TIME",
        help="when the job comes, in ISO 8601, for formulas that read the clock (default: a Monday, 9 UTC)",
    )
    pools = parser.add_argument_group("the pools")
    pools.add_argument("--nodes", type=_numbers, default=[], metavar="N,…", help="pools of so many nodes")
    pools.add_argument(
        "--formula",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a pool that is scaled by this autoscale formula; may be repeated",
    )
    pools.add_argument("--slots", type=_count, help="task slots of a node (default: 1, or those of --like)")
    pools.add_argument(
        "--spot", type=_share, default=0.0, metavar="SHARE", help="the share of spot nodes in --nodes, 0 to 1"
    )
    pools.add_argument(
        "--eviction-rate",
        type=_rate,
        default=0.0,
        metavar="RATE",
        help="how often a spot node is preempted, in an hour (default 0)",
    )
    pools.add_argument(
        "--interval",
        type=_interval,
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
        ("--resize", _ASSUMED.resize, "until Azure has machines"),
        ("--boot", _ASSUMED.boot, "until a machine is up"),
        ("--start-task", _ASSUMED.start_task, "that the start task of a node takes"),
        ("--scheduling-delay", _ASSUMED.scheduling, "between the choice of a node and the start of a task"),
    ):
        assumed.add_argument(name, type=_distribution, metavar="TIME", help=f"{text} (default {default})")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--runs",
        type=_count,
        metavar="N",
        help=f"runs of each pool (default {_RUNS}, or {_FEW_RUNS} with more than {_MANY_TASKS:,} tasks)",
    )
    how.add_argument("--seed", type=int, default=0, help="another seed, other runs (default 0)")
    how.add_argument(
        "--horizon",
        type=_horizon,
        default=7 * 86_400.0,
        metavar="TIME",
        help="give a run up then (default 7d)",
    )
    how.add_argument("-o", "--output", choices=("text", "json"), default="text", help="(default text)")
    how.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves, as PNG or SVG")
    add_app_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the comparison. Return 1 if the job does not end on any pool, else 0."""
    comparison = simulate(_plan(args), run_forecast)
    if args.plot is not None:
        plot_curves(comparison, args.plot)
    print(json.dumps(comparison_json(comparison)) if args.output == "json" else format_comparison(comparison))
    return int(all(result.unended for result in comparison.results))


def _plan(args: argparse.Namespace) -> Plan:
    earlier = _earlier(args)
    name, shape = _job(args, earlier)
    if len(shape) > _MOST_TASKS:
        raise SimulationError(f"{len(shape):,} tasks are more than the {_MOST_TASKS:,} that are simulated")
    try:
        given = named(args.duration)
    except ValueError as error:
        raise SimulationError(f"--duration: {error}") from error
    durations = durations_of(shape, given, earlier.durations if earlier else {}, failure=args.failure)
    variants = _variants(args, shape, earlier)
    pool_variant.check_names(variants)
    return Plan(
        job=name,
        shape=shape,
        durations=durations,
        variants=variants,
        assumptions=_assumptions(args, earlier),
        runs=args.runs or (_FEW_RUNS if len(shape) > _MANY_TASKS else _RUNS),
        seed=args.seed,
        horizon_s=args.horizon,
        start=args.at,
        price=_price(args),
        earlier=earlier,
    )


def _earlier(args: argparse.Namespace) -> EarlierJob | None:
    if args.like is None:
        return None
    if Path(args.like).suffix == ".json" or Path(args.like).is_file():
        return read_timeline(_text(Path(args.like)))
    return earlier_job(call_app(args, "GET", f"/jobs/{quote(args.like, safe='')}/timeline"))


def _job(args: argparse.Namespace, earlier: EarlierJob | None) -> tuple[str, JobShape]:
    """Return the name of the job in the comparison, and its shape."""
    if args.file is not None and args.tasks is not None:
        raise SimulationError("say either FILE or --tasks")
    if args.file is not None:
        # Only here, since it needs much: the planner, and with it the settings of an app.
        from batchmgr.cli.plan.offline_preview import preview_ports, read_message
        from batchmgr.usecases.preview import UNNAMED, whole_plan

        message = read_message(args.file)

        async def plan() -> JobShape:
            async with preview_ports(message, os.environ) as ports:
                return shape_of_plan(await whole_plan(ports, message.job_id or UNNAMED, message))

        return message.job_id or args.file.name, asyncio.run(plan())
    if args.tasks is not None:
        kinds = [text.rpartition("=")[0] for text in args.duration if "=" in text]
        kind = kinds[0] if kinds else OTHER
        return f"{args.tasks:,} × {kind}", shape_of_count(args.tasks, kind)
    if earlier is None:
        raise SimulationError("which job? Say FILE, --like JOB or --tasks N")
    return earlier.job_id, earlier.shape


def _variants(args: argparse.Namespace, shape: JobShape, earlier: EarlierJob | None) -> list[PoolVariant]:
    quota = None if args.quota is None else pool_variant.quota_nodes(args.quota, args.vm_size)
    slots = args.slots or (earlier.slots if earlier else 1)
    if slots < max(shape.slots):
        raise SimulationError(f"a task needs {max(shape.slots)} slots of a node, and --slots is {slots}")
    found = [] if earlier is None or args.file or args.tasks else [pool_as_it_was(earlier)]
    for nodes in args.nodes:
        if quota is not None and nodes > quota:
            raise SimulationError(f"--nodes {nodes} is more than the quota of {quota} nodes")
        found.append(
            pool_variant.fixed_pool(
                nodes, spot_share=args.spot, slots=slots, eviction_rate=args.eviction_rate
            )
        )
    for file in args.formula:
        found.append(
            PoolVariant(
                name=file.stem,
                formula=_text(file),
                slots=slots,
                interval_s=args.interval,
                eviction_rate=args.eviction_rate,
                most_nodes=quota,
            )
        )
    return found


def _assumptions(args: argparse.Namespace, earlier: EarlierJob | None) -> Assumptions:
    scheduling = args.scheduling_delay
    if scheduling is None and earlier is not None and earlier.gaps:
        scheduling = f"{earlier.scheduling_s:.3f}s"
    return Assumptions(
        resize=args.resize or _ASSUMED.resize,
        boot=args.boot or _ASSUMED.boot,
        start_task=args.start_task or _ASSUMED.start_task,
        scheduling=scheduling or _ASSUMED.scheduling,
    )


def _price(args: argparse.Namespace) -> NodePrice | None:
    return None if args.prices is None else read_price(_text(args.prices), args.vm_size)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SimulationError(f"{error.filename}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SimulationError(f"{file} is not UTF-8.") from error


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)


def _numbers(text: str) -> Sequence[int]:
    return [_count(part) for part in text.split(",")]


def _share(text: str) -> float:
    number = _rate(text)
    if number > 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return number


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("must be a number") from error
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError("must be a number, 0 or more")
    return number


def _distribution(text: str) -> str:
    try:
        typical_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text.replace(" ", "")


def _interval(text: str) -> float:
    found = _horizon(text)
    if found < _SHORTEST_INTERVAL_S:
        raise argparse.ArgumentTypeError("Azure Batch evaluates a formula every 5m at most")
    return found


def _horizon(text: str) -> float:
    days = _LONGEST_HORIZON.fullmatch(text)
    try:
        return float(days[1]) * 86_400 if days else seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
