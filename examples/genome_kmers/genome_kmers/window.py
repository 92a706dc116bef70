"""The work of one task: it counts one window of the genome and writes the counts."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from genome_kmers.fasta import read_genome
from genome_kmers.gc_profile import gc_profile
from genome_kmers.kmers import count_kmers
from genome_kmers.tables import write_counts, write_gc_profile


def window_bounds(length: int, *, window: int, windows: int) -> tuple[int, int]:
    """Return where the k-mers of a window (1 to `windows`) start: the first letter, and one past the last.

    If the genome has fewer letters than windows, some windows are empty.
    """
    return length * (window - 1) // windows, length * window // windows


def count_window(
    genome_path: Path,
    directory: Path,
    *,
    window: int,
    windows: int,
    k: int,
    progress: Callable[[float], None] = lambda part: None,
) -> None:
    """Write `counts.tsv`, `gc.tsv` and `genome.json` for one window.

    Raise `InvalidInputError` if the genome is not a FASTA file.
    """
    genome = read_genome(genome_path)
    codes = np.frombuffer(genome.codes, dtype=np.uint8)
    start, end = window_bounds(len(codes), window=window, windows=windows)
    counts = count_kmers(codes, k, start=start, end=end, progress=progress)
    write_counts(directory / "counts.tsv", counts, k)
    write_gc_profile(directory / "gc.tsv", gc_profile(codes, start=start, end=end))
    facts = {"names": genome.names, "records": genome.records, "letters": len(codes)}
    (directory / "genome.json").write_text(json.dumps(facts), encoding="utf-8")
