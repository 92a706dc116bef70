"""Draw what `polls` and `whole_life` have measured, for docs/performance.md.

    python -m benchmarks.scale.plots tasks.csv jobs.csv docs/images

The files are those that `whole_life` and `polls` write with `--csv`.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#33475b"
COLOURS = ("#1f6fb2", "#d1602d", "#4f8a3d")


def main() -> None:
    """Draw both plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.plots", description="Draw the plots.")
    parser.add_argument("tasks", type=Path, help="the CSV of whole_life")
    parser.add_argument("jobs", type=Path, help="the CSV of polls")
    parser.add_argument("folder", type=Path, help="where the plots go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    draw(arguments.tasks, arguments.folder / "cost-by-tasks.svg", "tasks of a job")
    draw(arguments.jobs, arguments.folder / "cost-by-jobs.svg", "idle active jobs")


def draw(source: Path, target: Path, label: str) -> None:
    """Draw each column of seconds against the first column, on logarithmic scales."""
    rows = read(source)
    # The same file each time: no date, and ids that do not depend on chance.
    mpl.rcParams["svg.hashsalt"] = target.name
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    first, *names = rows[0]
    numbers = [float(row[first]) for row in rows]
    for name, colour in zip(names, COLOURS, strict=False):
        axes.plot(numbers, [float(row[name]) for row in rows], "o-", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(numbers, [f"{number:,.0f}" for number in numbers])
    axes.minorticks_off()
    axes.set_xlabel(label, color=INK)
    axes.grid(visible=True, color="#e3e8ee")
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


def read(source: Path) -> Sequence[dict[str, str]]:
    """Return the rows of a CSV file."""
    with source.open() as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
