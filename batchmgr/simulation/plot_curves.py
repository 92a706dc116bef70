"""The curves of all variants as a picture: PNG, SVG or what else matplotlib writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchmgr.errors import MissingExtraError, SimulationError
from batchmgr.simulation.format_curves import axis_s, cut_in_words
from batchmgr.simulation.format_values import duration, hours
from batchmgr.simulation.simulate import Comparison
from batchmgr.simulation.variant_result import VariantResult

_COLOURS = {"waiting": "#c9ccd1", "running": "#2f6fb3", "nodes": "#d9822b", "target": "#d9822b"}
_UNITS = ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "hours"), (0, 60, "minutes"))


def plot_curves(comparison: Comparison, file: Path) -> None:
    """Write the picture. Raise MissingExtraError without matplotlib, and SimulationError for a wrong file."""
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "matplotlib is not installed; install it with: pip install 'batchmgr[plots]'"
        ) from error
    results = comparison.results
    axis = axis_s(results)
    _, unit_s, unit = next(entry for entry in _UNITS if axis >= entry[0])
    figure = Figure(figsize=(9, 1.2 + 1.9 * len(results)), layout="constrained")
    FigureCanvasAgg(figure)
    job, tasks, runs = comparison.plan.job, len(comparison.plan.shape), comparison.plan.runs
    figure.suptitle(f"{job}: {tasks:,} tasks, {runs} runs of each pool", fontsize=12)
    panels = figure.subplots(len(results), 1, sharex=True, squeeze=False)[:, 0]
    for panel, result in zip(panels, results, strict=True):
        _draw(panel, result, unit_s)
        panel.set_title(cut_in_words(result, axis), loc="right", fontsize=9)
    panels[-1].set_xlabel(
        f"{unit} since the start of the job (the run in the middle of each pool)", fontsize=9
    )
    panels[-1].set_xlim(0, axis / unit_s)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    try:
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "batchmgr"}):
            figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)
    except (OSError, ValueError) as error:
        raise SimulationError(f"the picture can't be written: {error}") from error


def _draw(panel: Any, result: VariantResult, unit_s: float) -> None:
    curves = result.middle["curves"]
    times = [at / unit_s for at in curves["seconds"]]
    tasks = {"waiting": curves["active"], "running": curves["running"]}
    panel.fill_between(times, curves["active"], step="post", color=_COLOURS["waiting"], label="waiting tasks")
    panel.step(
        times, tasks["running"], where="post", color=_COLOURS["running"], lw=1.6, label="running tasks"
    )
    panel.set_ylabel("tasks", fontsize=9)
    panel.set_ylim(bottom=0)
    nodes = panel.twinx()
    nodes.step(times, curves["nodes"], where="post", color=_COLOURS["nodes"], lw=1.6)
    nodes.set_ylim(0, max(1, max(curves["nodes"]), result.spread(lambda run: run["peakNodes"]).p90) * 1.1)
    nodes.yaxis.get_major_locator().set_params(integer=True)
    nodes.set_ylabel("nodes", fontsize=9, color=_COLOURS["nodes"])
    # The legend is the first panel's: it has to know the line of the other axis.
    panel.plot([], [], color=_COLOURS["nodes"], lw=1.6, label="nodes")
    for axes in (panel, nodes):
        axes.tick_params(labelsize=8)
        axes.spines[["top"]].set_visible(False)
    ends = duration(result.makespan.p50) if result.unended < len(result.runs) else "does not end"
    mark = "★ " if result.is_best else ""
    panel.set_title(
        f"{mark}{result.variant.name} — {ends}, {hours(result.node_hours('held').p50)} node hours "
        f"({result.share('used').p50:.0%} used)",
        loc="left",
        fontsize=10,
    )
