"""Writes the results of a job: two tables and a summary."""

import json
from itertools import islice
from pathlib import Path

from genome_kmers.merge import MergedGenome
from genome_kmers.tables import occurring


def write_results(merged: MergedGenome, directory: Path, *, top: int) -> None:
    """Write `kmers.tsv`, `gc_profile.tsv` and `summary.json`."""
    _write_kmers(merged, directory / "kmers.tsv")
    _write_profile(merged, directory / "gc_profile.tsv")
    summary = json.dumps(_summary(merged, top), indent=2) + "\n"
    (directory / "summary.json").write_text(summary, encoding="utf-8")


def figures(merged: MergedGenome) -> dict[str, object]:
    """Return the most important numbers of the genome."""
    return {
        "bases": merged.letters,
        "distinctKmers": len(merged.commonest()),
        "totalKmers": merged.total_kmers,
        "gcFraction": merged.gc_fraction,
    }


def _write_kmers(merged: MergedGenome, path: Path) -> None:
    total = merged.total_kmers
    with path.open("w", encoding="ascii") as file:
        file.write("kmer\tcount\tfrequency\n")
        for name, count in occurring(merged.counts, merged.commonest(), merged.k):
            file.write(f"{name}\t{count}\t{count / total:.9f}\n")


def _write_profile(merged: MergedGenome, path: Path) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write("start\tbases\tgc\tgc_fraction\n")
        for part in merged.profile:
            fraction = f"{part.gc / part.bases:.6f}" if part.bases else ""
            file.write(f"{part.start}\t{part.bases}\t{part.gc}\t{fraction}\n")


def _summary(merged: MergedGenome, top: int) -> dict[str, object]:
    total = merged.total_kmers
    order = merged.commonest()
    return {
        "names": merged.names,
        "records": merged.records,
        "k": merged.k,
        "windows": merged.windows,
        "missingWindows": merged.missing_windows,
        **figures(merged),
        "top": [
            {"kmer": name, "count": count, "frequency": count / total}
            for name, count in islice(occurring(merged.counts, order, merged.k), top)
        ],
    }
