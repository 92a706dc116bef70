"""The ways to bring 10,000 and 100,000 tasks into Azure Batch, beside each other.

Every way runs in a process of its own, see `routes`, against a stub of Azure Batch that answers at once or
after 150 ms, and Azurite. The ways take turns, so that a busy machine slows all of them down alike. Each
number is the median of its runs.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import msgspec

from batchmgr.devstack.project_paths import PROJECT
from benchmarks.scale.az_command import cost_of_az
from benchmarks.scale.routes import Cost
from benchmarks.scale.services import running_azurite, stub_batch
from benchmarks.scale.table import Row

WAYS = ("prepared", "send_request", "batchmgr", "create_tasks")
SMALL, LARGE = 10_000, 100_000
LATENCY_MS = 150
MB = 1_000_000


def rows(runs: int) -> list[Row]:
    """Measure everything."""
    with running_azurite() as storage:
        return [*submission(storage, runs), *acceptance(storage, runs), *memory(storage)]


def submission(storage: str, runs: int) -> Iterator[Row]:
    """10,000 tasks at 150 ms a call, from the message to `running`."""
    with stub_batch(LATENCY_MS) as url:
        costs = taking_turns(WAYS, lambda way: cost_of(way, url, SMALL, storage), runs)
        az = shutil.which("az")
        by_az = cost_of_az(az, url, SMALL) if az else None
    wall = {way: median(cost.wall for cost in costs[way]) for way in WAYS}
    cpu = {way: median(cost.cpu for cost in costs[way]) * 1e6 / SMALL for way in WAYS}
    for way in WAYS:
        yield Row(what=f"submit 10,000 at 150 ms: {way}", value=wall[way], unit="s")
    ratio = wall["batchmgr"] / wall["prepared"]
    yield Row(what="submit 10,000 at 150 ms, by prepared bodies", value=ratio, unit="times", limit=1.3)
    for way in WAYS:
        limit = 30 if way == "batchmgr" else None
        yield Row(what=f"CPU per 1,000 tasks: {way}", value=cpu[way], unit="ms", limit=limit)
    if by_az:
        yield Row(what="submit 10,000 at 150 ms: az batch task create, once", value=by_az.wall, unit="s")
        yield Row(what="CPU per 1,000 tasks: az", value=by_az.cpu * 1e6 / SMALL, unit="ms")


def memory(storage: str) -> Iterator[Row]:
    """The memory that 100,000 tasks take, above that of the idle process; and how long they take."""
    with stub_batch(0) as url:
        for way in ("batchmgr", "create_tasks"):
            cost = cost_of(way, url, LARGE, storage)
            is_own = way == "batchmgr"
            grown = (cost.peak - cost.idle) / MB
            yield Row(
                what=f"memory of 100,000 tasks: {way}",
                value=grown,
                unit="MB",
                limit=60 if is_own else None,
                beside=f"{cost.wall:.1f} s at 0 ms, {cost.cpu * 1e6 / LARGE:.0f} ms of CPU per 1,000",
            )


def acceptance(storage: str, runs: int) -> Iterator[Row]:
    """A factory of 100,000 tasks: what `POST /jobs` does before it answers."""
    with stub_batch(0) as url:
        costs = [cost_of("accept", url, LARGE, storage) for _ in range(runs)]
    yield Row(
        what="accept a factory of 100,000",
        value=median(cost.wall for cost in costs),
        unit="s",
        limit=2,
    )


def taking_turns(ways: Sequence[str], run: Callable[[str], Cost], runs: int) -> dict[str, list[Cost]]:
    """Run each way so often, one after the other."""
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(runs):
        for way in ways:
            costs[way].append(run(way))
    return costs


def cost_of(way: str, url: str, tasks: int, storage: str) -> Cost:
    """Run one way in a new process."""
    command = [sys.executable, "-m", "benchmarks.scale.routes", way, url]
    command += ["--tasks", str(tasks), "--storage", storage]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        sys.exit(f"{way} has failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Cost)
