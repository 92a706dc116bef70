"""Merges the windows of a job into the counts and the profile of the whole genome."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batchmgr import InvalidInputError
from genome_kmers.gc_profile import GcBin, bin_size, merge_profiles
from genome_kmers.tables import add_counts, read_gc_profile


@dataclass(frozen=True, kw_only=True)
class MergedGenome:
    """The merged result: `counts` of the 4**k k-mers of the genome, and its GC `profile`.

    `names` are those of the first records. `letters` is the length with all IUPAC letters. The tasks of
    `missing_windows` failed, so these windows are not in the counts and the profile.
    """

    names: tuple[str, ...]
    records: int
    letters: int
    k: int
    windows: int
    missing_windows: tuple[int, ...]
    counts: NDArray[np.int64]
    profile: list[GcBin]

    @property
    def bin_size(self) -> int:
        """The number of letters in a bin of the profile."""
        return bin_size(self.letters)

    @property
    def total_kmers(self) -> int:
        """The number of all k-mers that were counted."""
        return int(self.counts.sum())

    @property
    def gc_fraction(self) -> float | None:
        """The fraction of A, C, G and T that is G or C. None if the genome has none of them."""
        bases = sum(part.bases for part in self.profile)
        return sum(part.gc for part in self.profile) / bases if bases else None

    def commonest(self) -> NDArray[np.int64]:
        """Return the numbers of the k-mers that occur: most frequent first, ties in alphabetical order."""
        found = np.flatnonzero(self.counts)
        return found[np.argsort(-self.counts[found], kind="stable")]


def merge_windows(directory: Path, *, windows: int, k: int) -> MergedGenome:
    """Merge the files of the counting tasks in `directory`. Windows without files are missing.

    Raise `InvalidInputError` if all windows are missing.
    """
    present = [window for window in range(1, windows + 1) if _is_complete(directory, window)]
    if not present:
        raise InvalidInputError(f"None of the {windows} windows of the genome was counted: nothing to merge.")
    counts = np.zeros(4**k, dtype=np.int64)
    profile: list[GcBin] = []
    for window in present:
        add_counts(directory / "counts" / f"{window}.tsv", counts, k)
        profile += read_gc_profile(directory / "gc" / f"{window}.tsv")
    facts = json.loads((directory / "genome" / f"{present[0]}.json").read_text(encoding="utf-8"))
    return MergedGenome(
        names=tuple(facts["names"]),
        records=facts["records"],
        letters=facts["letters"],
        k=k,
        windows=windows,
        missing_windows=tuple(sorted(set(range(1, windows + 1)).difference(present))),
        counts=counts,
        profile=merge_profiles(profile),
    )


def _is_complete(directory: Path, window: int) -> bool:
    files = (f"counts/{window}.tsv", f"gc/{window}.tsv", f"genome/{window}.json")
    return all((directory / file).is_file() for file in files)
