"""Draw what jobs cost against the number of tasks, and polls against that of jobs, for docs/performance.md.

The tables are those that `whole_life` and `polls` write with `--csv`.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#33475b"
COLOURS = ("#1f6fb2", "#d1602d", "#4f8a3d")
SECONDS = (0.03, 0.1, 0.3, 1, 3, 10)
TASKS = {
    "to_running": "from the request to running",
    "to_callback": "from the last task's end to the callback",
    "worker_cpu": "processor time of the worker",
}
JOBS = {"seconds": "one poll", "cpu_seconds": "processor time"}


def draw_both(tasks: Path, jobs: Path, folder: Path) -> None:
    """Draw `cost-by-tasks.svg` and `cost-by-jobs.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(read(tasks), "tasks", "tasks of a job", TASKS, folder / "cost-by-tasks.svg")
    draw(read(jobs), "jobs", "idle active jobs, 150 ms a call", JOBS, folder / "cost-by-jobs.svg")


def draw(
    rows: Sequence[Mapping[str, str]], first: str, label: str, names: Mapping[str, str], target: Path
) -> None:
    """Draw columns of seconds against the column `first`, on logarithmic scales."""
    mpl.rcParams["svg.hashsalt"] = target.name  # the same values give the same file
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    numbers = [float(row[first]) for row in rows]
    for (name, text), colour in zip(names.items(), COLOURS, strict=False):
        axes.plot(numbers, [float(row[name]) for row in rows], "o-", color=colour, label=text)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(numbers, [f"{number:,.0f}" for number in numbers])
    axes.set_yticks(SECONDS, [f"{number:g}" for number in SECONDS])
    axes.minorticks_off()
    axes.set_xlabel(label, color=INK)
    axes.set_ylabel("seconds", color=INK)
    axes.grid(visible=True, color="#e3e8ee")
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


def read(source: Path) -> Sequence[Mapping[str, str]]:
    """Return the rows of a CSV file."""
    with source.open() as file:
        return list(csv.DictReader(file))


def draw_days(rows: Sequence[Mapping[str, int]], names: Mapping[str, str], target: Path) -> None:
    """Draw columns of numbers against the column `day`."""
    mpl.rcParams["svg.hashsalt"] = target.name  # the same values give the same file
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    days = [row["day"] for row in rows]
    for (name, text), colour in zip(names.items(), COLOURS, strict=False):
        axes.plot(days, [row[name] for row in rows], "o-", markersize=3, color=colour, label=text)
    axes.set_xticks(days[::2])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("day", color=INK)
    axes.set_ylabel("at the end of the day", color=INK)
    axes.grid(visible=True, color="#e3e8ee")
    axes.legend(frameon=False, loc="center right")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(target, metadata={"Date": None})
