"""What batchmgr costs at scale, beside what others cost for the same work: `python -m benchmarks.scale`.

Each part is a module of its own, which can be run by itself. Times depend on the machine, ratios hardly do.
`--plots FOLDER` also draws what jobs cost against the number of tasks, and polls against that of jobs.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.scale import (
    job_lists,
    listing,
    plots,
    polls,
    quota,
    start_up,
    submission,
    timelines,
    whole_life,
    workloads,
)
from benchmarks.scale.services import running_azurite
from benchmarks.scale.table import Row, say, show


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="What batchmgr costs.")
    parser.add_argument("--runs", type=int, default=3, help="how often each way runs (default: 3)")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw plots")
    arguments = parser.parse_args()
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with TemporaryDirectory() as folder:
        tasks, jobs = Path(folder) / "tasks.csv", Path(folder) / "jobs.csv"
        parts: dict[str, Callable[[], list[Row]]] = {
            "Submission": lambda: submission.rows(arguments.runs),
            "Workloads": lambda: workloads.rows(workloads.TASKS, 1),
            "Listing": lambda: listing.rows(arguments.runs),
            "Start": lambda: start_up.rows(arguments.runs),
            "Polls": lambda: measure_polls(jobs),
            "Lists of jobs": lambda: measure_lists(arguments.runs),
            "Whole life": lambda: measure_lives(tasks),
            "Quota of five": quota.rows,
        }
        failed = [title for title, measure in parts.items() if not _run(title, measure)]
        if arguments.plots:
            plots.draw_both(tasks, jobs, arguments.plots)
    sys.exit(bool(failed))


def _run(title: str, measure: Callable[[], list[Row]]) -> bool:
    """Print the table of one part. Return whether all values are within their limits."""
    say(f"\n{title}")
    rows = measure()
    show(rows)
    return all(row.verdict != "FAIL" for row in rows)


def measure_polls(file: Path) -> list[Row]:
    """Return the costs of polls, and write a table for the plot."""
    with running_azurite() as storage:
        return polls.rows(storage, file=file)


def measure_lists(runs: int) -> list[Row]:
    """Return the costs of finding jobs, and of reading a timeline."""
    with running_azurite() as storage:
        return job_lists.rows(storage, runs) + timelines.rows(storage, runs)


def measure_lives(file: Path) -> list[Row]:
    """Return the costs of whole jobs, and write a table for the plot."""
    lives = asyncio.run(whole_life.measure(whole_life.SIZES))
    whole_life.write_csv(file, lives)
    return whole_life.as_rows(lives)


if __name__ == "__main__":
    main()
