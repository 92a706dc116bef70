"""Draws the chart of a job: its most frequent k-mers, and the GC profile along the genome."""

from itertools import islice
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genome_kmers.merge import MergedGenome
from genome_kmers.tables import occurring

_BLUE = "#2a6f97"
_GREEN = "#3a7d44"
_GREY = "#6b7280"
_UNITS = ((1_000_000, "Mb"), (1_000, "kb"), (1, "bases"))


def draw_chart(merged: MergedGenome, path: Path, *, top: int) -> None:
    """Write the chart as a PNG, about 1500 pixels wide."""
    # A Figure, unlike pyplot, needs no display and has no global state.
    figure = Figure(figsize=(10, 8), dpi=150, layout="constrained")
    kmers, profile = figure.subplots(2, 1)
    figure.suptitle(_title(merged), fontsize=13, fontweight="bold", parse_math=False)
    _draw_kmers(kmers, merged, top)
    _draw_profile(profile, merged)
    for axes in (kmers, profile):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", pad_inches=0.2)


def _title(merged: MergedGenome) -> str:
    name = merged.names[0] or "unnamed genome"
    if len(name) > 70:
        name = f"{name[:69]}…"
    others = f" and {merged.records - 1:,} more records" if merged.records > 1 else ""
    return f"{name}{others}"


def _draw_kmers(axes: Axes, merged: MergedGenome, top: int) -> None:
    order = merged.commonest()
    rows = list(islice(occurring(merged.counts, order, merged.k), top))
    axes.bar(range(len(rows)), [count for _, count in rows], color=_BLUE, width=0.75)
    size = 9 if len(rows) <= 40 else 5
    axes.set_xticks(
        range(len(rows)), [name for name, _ in rows], rotation=90, family="monospace", fontsize=size
    )
    axes.margins(x=0.01)
    axes.set_title(f"The {len(rows)} commonest of {len(order):,} {merged.k}-mers", loc="left", fontsize=11)
    axes.set_xlabel(f"{merged.k}-mer")
    axes.set_ylabel("occurrences")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _draw_profile(axes: Axes, merged: MergedGenome) -> None:
    scale, unit = next((scale, unit) for scale, unit in _UNITS if merged.letters >= scale)
    percents = {part.start: 100 * part.gc / part.bases for part in merged.profile if part.bases}
    starts = range(0, merged.letters, merged.bin_size)
    edges = [min(edge, merged.letters) / scale for edge in (*starts, merged.letters)]
    axes.stairs([percents.get(start, float("nan")) for start in starts], edges, baseline=None, color=_GREEN)
    title = f"GC content in bins of {merged.bin_size:,} bases"
    if merged.gc_fraction is not None:
        mean = 100 * merged.gc_fraction
        axes.axhline(mean, color=_GREY, linestyle="--", linewidth=1)
        title += f"; mean {mean:.1f} % (dashed)"
    if merged.missing_windows:
        title += f"; {len(merged.missing_windows)} of {merged.windows} windows missing"
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlim(0, merged.letters / scale)
    axes.set_xlabel(f"position ({unit})")
    axes.set_ylabel("GC content (%)")
    axes.grid(alpha=0.3)
