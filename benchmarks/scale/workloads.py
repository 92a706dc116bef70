"""What a workload of 100,000 tasks costs, from message to `running`, and when its plan is read at the end.

    python -m benchmarks.scale.workloads

Every way runs in a process of its own, as in `benchmarks.scale`, against the stub of Azure Batch that answers
at once, and Azurite. `yields` is a `create_job` that yields its tasks, `adds` one that adds them and returns.
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import time
from statistics import median

import msgspec

from batchmgr.devstack.project_paths import PROJECT
from benchmarks.scale.routes import KEY, Cost, measured
from benchmarks.scale.services import running_azurite, stub_batch
from benchmarks.scale.submission import MB
from benchmarks.scale.table import Row, say, show

WAYS = ("yields", "adds")
TASKS = 100_000


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What the submission has cost, and the reading of the plan afterwards; how often `create_job` ran."""

    submission: Cost
    end: Cost
    created: int


def main() -> None:
    """Print the table; with a way, run it and print what it has cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.workloads", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--runs", type=int, default=1, help="how often each way runs (default: 1)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--storage", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        costs = asyncio.run(run(given.way, given.url, given.tasks, given.storage))
        sys.stdout.write(msgspec.json.encode(costs).decode() + "\n")
        return
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    table = rows(given.tasks, given.runs)
    show(table)
    sys.exit(any(row.verdict == "FAIL" for row in table))


def rows(tasks: int, runs: int) -> list[Row]:
    """Run all ways, taking turns, and return the lines of the table."""
    found: dict[str, list[Costs]] = {way: [] for way in WAYS}
    with running_azurite() as storage, stub_batch(0) as url:
        for _ in range(runs):
            for way in WAYS:
                found[way].append(costs_of(way, url, tasks, storage))
    table = []
    for way in WAYS:
        one = found[way]
        grown = median(cost.submission.peak - cost.submission.idle for cost in one) / MB
        at_end = median(cost.end.peak - cost.end.idle for cost in one) / MB
        cpu = median(cost.submission.cpu for cost in one) * 1e6 / tasks
        wall = median(cost.submission.wall for cost in one)
        most = 60 if way == "yields" else None
        table += [
            Row(
                what=f"memory of a workload of {tasks:,} tasks: {way}",
                value=grown,
                unit="MB",
                limit=most,
                beside=f"{wall:.1f} s at 0 ms",
            ),
            Row(what=f"memory when its plan is read again: {way}", value=at_end, unit="MB", limit=60),
            Row(what=f"CPU per 1,000 tasks, from the message to running: {way}", value=cpu, unit="ms"),
            Row(
                what=f"create_job ran: {way}", value=max(cost.created for cost in one), unit="times", limit=1
            ),
        ]
    return table


def costs_of(way: str, url: str, tasks: int, storage: str) -> Costs:
    """Run one way in a new process."""
    command = [sys.executable, "-m", "benchmarks.scale.workloads", "--way", way, "--url", url]
    command += ["--tasks", str(tasks), "--storage", storage]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        sys.exit(f"{way} has failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Costs)


async def run(way: str, url: str, tasks: int, storage: str) -> Costs:
    """Take a job message as the queue trigger does, until the job is running; then read its plan."""
    from batchmgr.bootstrap import open_ports, prepare_storage
    from batchmgr.functions.queue_job_requests import take_request
    from batchmgr.model.job_record import JobRecord
    from batchmgr.model.job_states import JobState
    from batchmgr.settings import Settings
    from batchmgr.steps.keep_plan import find_plan
    from benchmarks.scale import sweep_workload

    name = {"yields": "YieldingWorkload", "adds": "AddingWorkload"}[way]
    settings = Settings(
        storage_connection_string=storage,
        batch_endpoint=url,
        batch_account="account",
        batch_key=KEY,
        workloads={"sweep": f"benchmarks.scale.sweep_workload:{name}"},
    )

    def message(job_id: str, count: int) -> bytes:
        job = {"jobId": job_id, "poolId": "pool", "workload": "sweep", "inputs": {"tasks": count}}
        return msgspec.json.encode(job)

    async def read(record: JobRecord) -> None:
        plan = await find_plan(ports, record)
        files = sum(len(task.result_files) for task in plan.tasks) if plan is not None else 0
        if files != tasks:
            raise RuntimeError(f"the plan names {files} result files")

    await prepare_storage(settings)
    async with open_ports(settings) as ports:
        job_id = f"bench-{time.time_ns()}"
        await take_request(ports, message(f"warm-{job_id}", 10), "")
        sweep_workload.created = 0
        submission = await measured(take_request(ports, message(job_id, tasks), ""))
        record = (await ports.jobs.load(job_id)).value
        if record.state is not JobState.RUNNING:
            raise RuntimeError(f"the job is {record.state}: {record.error}")
        end = await measured(read(record))
        for one in (job_id, f"warm-{job_id}"):
            await ports.jobs.deactivate(one)
        return Costs(submission=submission, end=end, created=sweep_workload.created)


if __name__ == "__main__":
    main()
