"""What it costs to find jobs among 10,000, on Azurite: the newest ones, and the few that have failed.

    python -m benchmarks.scale.job_lists

Each time is the quickest of some: the emulator shares the machine. Beside it is how many calls were made.
"""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.model.job_entry import JobEntry
from batchmgr.model.job_query import JobQuery
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import CALL_DURATION, Metric
from batchmgr.ports import Ports
from batchmgr.telemetry_port import Attributes, NoTelemetry
from batchmgr.usecases.find_jobs import find_jobs
from batchmgr.usecases.repair_list import repair_list
from benchmarks.scale.services import running_azurite, storage_settings
from benchmarks.scale.table import Row, show

JOBS = 10_000
RARE = 500
"""Every so many jobs, one has failed, and one is running."""

AT_ONCE = 32
LIMIT = 50


class CountedCalls(NoTelemetry):
    """Counts the calls to storage."""

    def __init__(self) -> None:
        self.calls = 0

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        """Count a call by the metric of its duration."""
        self.calls += metric is CALL_DURATION


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.job_lists", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each query runs (default: 5)")
    with running_azurite() as storage:
        found = rows(storage, parser.parse_args().runs)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(storage: str, runs: int) -> list[Row]:
    """Measure some queries."""
    return asyncio.run(_rows(storage, runs))


async def _rows(storage: str, runs: int) -> list[Row]:
    settings = storage_settings(storage)
    await prepare_storage(settings)
    telemetry = CountedCalls()
    async with open_ports(settings, telemetry) as ports:
        await _store(ports)
        failed = frozenset({JobState.FAILED})
        queries: dict[str, tuple[JobQuery, float | None]] = {
            "the newest 50": (JobQuery(), 0.3),
            "state=failed: one in 500": (JobQuery(states=failed), 2),
            "state=running: one in 500": (JobQuery(states=frozenset({JobState.RUNNING})), 2),
            "metadata.user: one in 500": (JobQuery(metadata={"user": "user-1"}), None),
            "since: the newest 10": (JobQuery(since=_created(JOBS - 10)), None),
        }
        found = []
        for what, (query, limit) in queries.items():
            seconds, cpu, calls, jobs = await _measured(ports, telemetry, query, runs)
            beside = f"{jobs} jobs, {calls} calls, {cpu:.2f} s of CPU"
            found.append(
                Row(what=f"10,000 jobs, {what}", value=seconds, unit="s", limit=limit, beside=beside)
            )
        begun, before = time.perf_counter(), telemetry.calls
        await repair_list(ports)
        seconds, calls = time.perf_counter() - begun, telemetry.calls - before
        found.append(
            Row(
                what="10,000 jobs, a repair with nothing to do",
                value=seconds,
                unit="s",
                beside=f"{calls} calls",
            )
        )
        return found


async def _measured(
    ports: Ports, telemetry: CountedCalls, query: JobQuery, runs: int
) -> tuple[float, float, int, int]:
    """Return how long an answer takes, also of the processor, how many calls, and how many jobs it has."""
    times: list[tuple[float, float]] = []
    for _ in range(runs):
        begun, cpu, before = time.perf_counter(), time.process_time(), telemetry.calls
        jobs, _ = await find_jobs(ports, query, LIMIT)
        times.append((time.perf_counter() - begun, time.process_time() - cpu))
    return *min(times), telemetry.calls - before, len(jobs)


async def _store(ports: Ports) -> None:
    """Store the jobs, 32 at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def store(number: int) -> None:
        state = {1: JobState.FAILED, 2: JobState.RUNNING}.get(number % RARE, JobState.SUCCEEDED)
        created = _created(number)
        record = JobRecord(
            job_id=f"job-{number:06}",
            state=state,
            workload="genome_kmers",
            digest="d" * 64,
            created_at=created,
            updated_at=created,
            pool_id="pool",
            metadata={"user": f"user-{number % RARE}", "project": "genomes"},
            entered={state: created},
        )
        async with gate:
            if not state.is_final:
                await ports.jobs.activate(record.job_id)
            await ports.jobs.create(record)
            await ports.listing.add(JobEntry.of(record))

    await asyncio.gather(*(store(number) for number in range(JOBS)))


def _created(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(minutes=5)


if __name__ == "__main__":
    main()
