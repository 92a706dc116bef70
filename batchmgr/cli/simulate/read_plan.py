"""From the arguments of `batchmgr simulate` to what is simulated: files are read, and the app is asked."""

import argparse
import asyncio
import os
from pathlib import Path

import msgspec

from batchmgr.cli.app_command import connected
from batchmgr.cli.simulate.choose_price import choose_price
from batchmgr.errors import SimulationError
from batchmgr.model.price_table import read_price_table
from batchmgr.plan.task_kind import OTHER
from batchmgr.simulation import pool_variant
from batchmgr.simulation.durations import durations_of, named
from batchmgr.simulation.earlier_job import EarlierJob, earlier_job, read_timeline
from batchmgr.simulation.job_shape import JobShape, shape_of_count, shape_of_plan
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import Assumptions, PoolVariant
from batchmgr.simulation.simulate import Plan, pool_as_it_was

MOST_TASKS = 200_000
RUNS = 20
FEW_RUNS = 5
MANY_TASKS = 2000
ASSUMED = Assumptions()


def read_plan(args: argparse.Namespace) -> Plan:
    """Return what the arguments ask for. Raise SimulationError, and what reading a job may raise."""
    earlier = _earlier(args)
    name, shape = _job(args, earlier)
    if len(shape) > MOST_TASKS:
        raise SimulationError(f"{len(shape):,} tasks are more than the {MOST_TASKS:,} that are simulated")
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
        runs=args.runs or (FEW_RUNS if len(shape) > MANY_TASKS else RUNS),
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
    with connected(args.url, args.key, args.profile) as app:
        return earlier_job(msgspec.to_builtins(app.timeline(args.like)))


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
    for pool_id in args.pool:
        from batchmgr.cli.simulate.batch_pool import read_pool, variant_of_pool

        pool = asyncio.run(read_pool(pool_id, os.environ))
        found.append(variant_of_pool(pool, eviction_rate=args.eviction_rate, most_nodes=quota))
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
        resize=args.resize or ASSUMED.resize,
        boot=args.boot or ASSUMED.boot,
        start_task=args.start_task or ASSUMED.start_task,
        scheduling=scheduling or ASSUMED.scheduling,
    )


def _price(args: argparse.Namespace) -> NodePrice | None:
    if args.prices is None:
        return None
    table = read_price_table(_text(args.prices).encode(), str(args.prices))
    return choose_price(table, args.vm_size)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SimulationError(f"{error.filename}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SimulationError(f"{file} is not UTF-8.") from error
