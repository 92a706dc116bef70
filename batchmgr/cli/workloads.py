"""`batchmgr workloads`: lists the workloads on this machine, with their versions and problems."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from batchmgr.adapters.workload_registry import WorkloadDescription, WorkloadRegistry
from batchmgr.cli.output import TextOrJson
from batchmgr.settings import Settings

_HEADER = ("NAME", "VERSION", "PACKAGE", "TASK TYPES")


def run(
    output: TextOrJson = "text",
) -> int:
    """List the workloads. Return 1 if one of them is broken, else 0."""
    settings = Settings.from_environment(os.environ)
    with redirect_stdout(sys.stderr):  # a workload's output on import must not get into the list
        workloads = tuple(WorkloadRegistry(named=settings.workloads).describe())
    if output == "json":
        print(json.dumps([_as_json(workload) for workload in workloads], indent=2))
    elif workloads:
        _print_table(workloads)
    else:
        print("No workload was found. Create one with: batchmgr init NAME")
    return 1 if any(workload.problems for workload in workloads) else 0


def _as_json(workload: WorkloadDescription) -> dict[str, object]:
    return {
        "name": workload.name,
        "distribution": workload.distribution or None,
        "version": workload.version or None,
        "package": workload.package or None,
        "taskTypes": workload.task_types,
        "problems": workload.problems,
    }


def _print_table(workloads: Sequence[WorkloadDescription]) -> None:
    rows = [_HEADER, *(_row(workload) for workload in workloads)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for workload in workloads:
        for problem in workload.problems:
            print(f"\n{problem}", file=sys.stderr)


def _row(workload: WorkloadDescription) -> tuple[str, ...]:
    types = ", ".join(workload.task_types) or ("broken" if workload.problems else "none")
    return (workload.name, workload.version or "-", workload.package or "-", types)
