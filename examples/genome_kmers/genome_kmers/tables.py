"""The tables that tasks pass on: tab-separated text with a header line."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genome_kmers.gc_profile import GcBin
from genome_kmers.kmers import kmer_names, kmer_numbers

_CHUNK = 1 << 16
_GC_HEADER = "start\tbases\tgc\n"
_COUNTS_HEADER = "kmer\tcount\n"


def write_counts(path: Path, counts: NDArray[np.int64], k: int) -> None:
    """Write the k-mers that occur, in alphabetical order. `counts` has 4**k numbers."""
    with path.open("w", encoding="ascii") as file:
        file.write(_COUNTS_HEADER)
        for name, count in occurring(counts, np.flatnonzero(counts), k):
            file.write(f"{name}\t{count}\n")


def add_counts(path: Path, counts: NDArray[np.int64], k: int) -> None:
    """Add the counts in a file to `counts`, which has 4**k numbers."""
    with path.open("rb") as file:
        next(file)
        while words := b"".join(islice(file, _CHUNK)).split():
            counts[kmer_numbers(words[::2], k)] += np.array(words[1::2]).astype(np.int64)


def occurring(counts: NDArray[np.int64], order: NDArray[np.int64], k: int) -> Iterator[tuple[str, int]]:
    """Yield k-mers and their counts, in the given order of their numbers."""
    for first in range(0, len(order), _CHUNK):
        chunk = order[first : first + _CHUNK]
        yield from zip(kmer_names(chunk, k), counts[chunk].tolist(), strict=True)


def write_gc_profile(path: Path, profile: list[GcBin]) -> None:
    """Write the bins of a window."""
    with path.open("w", encoding="ascii") as file:
        file.write(_GC_HEADER)
        file.writelines(f"{part.start}\t{part.bases}\t{part.gc}\n" for part in profile)


def read_gc_profile(path: Path) -> list[GcBin]:
    """Return the bins of a window from their file."""
    with path.open(encoding="ascii", newline="") as file:
        return [
            GcBin(start=int(row["start"]), bases=int(row["bases"]), gc=int(row["gc"]))
            for row in csv.DictReader(file, delimiter="\t")
        ]
