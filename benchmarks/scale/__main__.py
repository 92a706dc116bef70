"""What batchmgr costs at scale, beside what others cost for the same work: `python -m benchmarks.scale`.

Each part is a module of its own, which can be run by itself. Times depend on the machine, ratios hardly do.
"""

import argparse
import os
import platform
import sys

from benchmarks.scale import polls, quota, start_up, submission, whole_life, workloads
from benchmarks.scale.table import Row, say, show


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="What batchmgr costs.")
    parser.add_argument("--runs", type=int, default=3, help="how often each way runs (default: 3)")
    runs = parser.parse_args().runs
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    has_failed = False
    for title, measure in (
        ("Submission", lambda: submission.rows(runs)),
        ("Workloads", lambda: workloads.rows(workloads.TASKS, 1)),
        ("Start", lambda: start_up.rows(runs)),
        ("Polls", lambda: polls.rows()),
        ("Whole life", lambda: whole_life.rows()),
        ("Quota of five", lambda: quota.rows()),
    ):
        say(f"\n{title}")
        found: list[Row] = measure()
        show(found)
        has_failed |= any(row.verdict == "FAIL" for row in found)
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
