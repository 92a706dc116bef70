"""What it costs to watch over active jobs: `python -m benchmarks.scale.polls`.

Three things: a job of 100,000 tasks that change or don't; an index of up to 5,000 jobs that don't; and how
the instances of an app share such an index. All of it runs over HTTP, against Azurite and a stub of Azure
Batch.
`--csv FILE` writes what a tick costs against the number of jobs, for a plot.
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from batchmgr.devstack.project_paths import PROJECT
from batchmgr.model.size_limits import KIB
from benchmarks.scale.polling import CHANGED, SIZES, Changes, Poll
from benchmarks.scale.routes import KEY
from benchmarks.scale.services import functions_host, running_azurite, stub_batch
from benchmarks.scale.stub_batch import Polls
from benchmarks.scale.table import Row, say, show

LATENCY_MS = 150
MANY_JOBS = SIZES[-1]
HOSTS = 3
HOST_LATENCY_MS = 600
"""Long enough for a host to spend its time waiting: on few cores, three of them would share a processor."""

PATIENCE = 120
SETTLED = 4.0
"""After so many seconds without another poll, a round is over."""

T = TypeVar("T")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.polls", description="What polls cost.")
    parser.add_argument("--csv", type=Path, help="write what a tick costs against the number of jobs")
    parser.add_argument("--quick", action="store_true", help="only what takes less than a minute")
    arguments = parser.parse_args()
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with running_azurite() as storage:
        found = rows(storage, file=arguments.csv, is_quick=arguments.quick)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(storage: str, *, file: Path | None = None, is_quick: bool = False) -> list[Row]:
    """Measure everything, or, if it is to be quick, what takes less than a minute. Jobs stay in the storage.

    A `file` gets what a tick costs against the number of jobs, as CSV.
    """
    found = [*one_large_job(storage)]
    jobs = 1_000 if is_quick else MANY_JOBS
    found += many_jobs(storage, jobs, file)
    if not is_quick:
        found += several_hosts(storage, jobs)
    return found


def one_large_job(storage: str) -> Iterator[Row]:
    """One job of 100,000 tasks: nothing changes, 10,000 tasks change, all of them change in ten seconds."""
    with stub_batch(0) as url:
        costs = measured("changes", Changes, url, storage)
    idle, changed, burst = costs.idle, costs.changed, costs.burst
    yield Row(
        what="poll of 100,000 tasks, nothing changed",
        value=idle.calls_to("batch", "blob GET", "blob PUT", "queue POST") - idle.calls_to("blob GET list"),
        unit="calls",
        limit=1,
        beside="Azure Batch and storage, without 2 listings for all jobs, and 4 looks at poison queues",
    )
    yield Row(
        what="poll of 10,000 changed tasks",
        value=changed[0].calls_to("batch"),
        unit="calls",
        limit=1 + CHANGED / 1_000,
        beside=f"Azure Batch; {changed[0].calls_to('queue POST')} messages to the progress queue",
    )
    for polls, notify in ((changed, "all events"), (costs.quiet, "job.*")):
        cpu, wall = median(one.cpu for one in polls), median(one.wall for one in polls)
        yield Row(
            what=f"CPU per 1,000 changed tasks, notify {notify}",
            value=cpu * 1e6 / CHANGED,
            unit="ms",
            limit=10,
        )
        is_log = polls is costs.quiet
        sent = polls[0].calls_to("queue POST")
        yield Row(
            what=f"events into the log, notify {notify}",
            value=polls[0].events / wall,
            unit="per s",
            least=5_000 if is_log else None,
            beside="the whole poll" if is_log else f"the whole poll, with {sent} messages through Azurite",
        )
    yield Row(what="record after 10,000 changes a poll", value=changed[-1].record / KIB, unit="KiB", limit=64)
    yield Row(
        what="record in 100,000 changes in 10 s",
        value=max(one.record for one in burst) / KIB,
        unit="KiB",
        limit=64,
        beside=f"{sum(one.events for one in burst):,} events in {sum(one.wall for one in burst):.1f} s",
    )


def many_jobs(storage: str, most: int, file: Path | None) -> Iterator[Row]:
    """Jobs that do not change, at 150 ms a call: what one tick costs."""
    with stub_batch(LATENCY_MS) as url:
        costs = measured("ticks", list[Poll], url, storage, "--jobs", str(most))
    for cost in costs:
        is_aim = cost.jobs == 1_000
        name = f"{cost.jobs:,} idle jobs, one tick at {LATENCY_MS} ms"
        calls, rest = cost.calls_to("batch"), cost.calls_to("blob", "queue")
        beside = f"Azure Batch; {rest} to storage"
        yield Row(what=name, value=calls, unit="calls", limit=1_000 if is_aim else None, beside=beside)
        beside = f"{cost.cpu * 1e3:.0f} ms of CPU"
        yield Row(what=name, value=cost.wall, unit="s", limit=10 if is_aim else None, beside=beside)
    if file is not None:
        with file.open("w", newline="") as out:
            table = csv.writer(out)
            table.writerow(["jobs", "batch_calls", "storage_calls", "seconds", "cpu_seconds"])
            for cost in costs:
                storage_calls = cost.calls_to("blob", "queue")
                numbers = [f"{cost.wall:.3f}", f"{cost.cpu:.3f}"]
                table.writerow([cost.jobs, cost.calls_to("batch"), storage_calls, *numbers])


def several_hosts(storage: str, jobs: int) -> Iterator[Row]:
    """The same jobs, polled by one host, and by three that share the storage."""
    rounds = {number: one_round(storage, number, jobs) for number in (1, HOSTS)}
    spans = {number: polls.last - polls.first for number, polls in rounds.items()}
    for number, polls in rounds.items():
        odd = jobs - sum(1 for times in polls.jobs.values() if times == 1)
        name = f"{jobs:,} idle jobs, {number} host" + ("s" if number > 1 else "")
        yield Row(what=f"{name}: not polled exactly once", value=odd, unit="jobs", limit=0)
        beside = f"at {HOST_LATENCY_MS} ms a call"
        yield Row(what=f"{name}: one round", value=spans[number], unit="s", beside=beside)
    yield Row(
        what=f"{jobs:,} idle jobs: a round of 1 host by that of {HOSTS}",
        value=spans[1] / spans[HOSTS],
        unit="times",
        least=HOSTS * 0.8,
    )


def one_round(storage: str, number: int, jobs: int) -> Polls:
    """Start hosts that have never polled, have one of them poll, and return what the stub has seen."""
    with ExitStack() as stack:
        url = stack.enter_context(stub_batch(HOST_LATENCY_MS))
        hosts = [stack.enter_context(host(storage, url)) for _ in range(number)]
        for one in hosts:  # their ports are open then
            asked(f"{one}/api/health")
        asked(f"{hosts[0]}/admin/functions/poll_jobs", b'{"input": ""}')
        return until_settled(url, jobs)


def until_settled(url: str, jobs: int) -> Polls:
    """Return the polls when all jobs have been polled, and no other poll has followed for some seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        polls = msgspec.json.decode(asked(f"{url}/stub/polls"), type=Polls)
        if len(polls.jobs) >= jobs and time.monotonic() - polls.last > SETTLED:
            break
        time.sleep(0.5)
    return polls


def host(storage: str, batch: str) -> AbstractContextManager[str]:
    """Run the app on an embedded host, whose timer never fires by itself, and yield its address."""
    settings = {
        "AzureWebJobsStorage": storage,
        "BATCHMGR_BATCH_ENDPOINT": batch,
        "BATCHMGR_BATCH_ACCOUNT": "account",
        "BATCHMGR_BATCH_KEY": KEY,
        "BATCHMGR_POLL_SCHEDULE": "0 0 0 1 1 *",
        "BATCHMGR_BLOB_SOURCE": "EventGrid",
    }
    return functions_host(settings)


def asked(url: str, body: bytes | None = None) -> bytes:
    """Return the answer of a service on this machine."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return bytes(answer.read())


def measured(what: str, type_: type[T], url: str, storage: str, *options: str) -> T:
    """Measure one thing in a new process."""
    command: Sequence[str] = [sys.executable, "-m", "benchmarks.scale.polling", what, url]
    done = subprocess.run(
        [*command, "--storage", storage, *options], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    if done.returncode:
        sys.exit(f"{what} has failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=type_)


if __name__ == "__main__":
    main()
