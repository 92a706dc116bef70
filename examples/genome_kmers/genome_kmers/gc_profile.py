"""The GC profile: how much of the genome is G or C, in bins along the genome."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 200


@dataclass(frozen=True, kw_only=True)
class GcBin:
    """A part of the genome that begins with letter `start`, counted from 0.

    `bases` is the number of its letters that are A, C, G or T. `gc` is the number of those that are G or C.
    """

    start: int
    bases: int
    gc: int


def bin_size(length: int) -> int:
    """Return the letters in a bin: a genome has about 200 bins, which are the same in every window."""
    return max(1, -(-length // _BINS))


def gc_profile(codes: NDArray[np.uint8], *, start: int, end: int) -> list[GcBin]:
    """Return the bins between two letters of the genome. A bin that the window cuts is counted in part."""
    size = bin_size(len(codes))
    profile = []
    for bin_start in range(start - start % size, end, size):
        letters = codes[max(start, bin_start) : min(end, bin_start + size)]
        a, c, g, t = np.bincount(letters & 7, minlength=4)[:4].tolist()
        profile.append(GcBin(start=bin_start, bases=a + c + g + t, gc=c + g))
    return profile


def merge_profiles(bins: list[GcBin]) -> list[GcBin]:
    """Return the bins of all windows in order. The parts of bins that windows cut are added up."""
    totals: dict[int, GcBin] = {}
    for part in bins:
        known = totals.get(part.start, GcBin(start=part.start, bases=0, gc=0))
        totals[part.start] = GcBin(start=part.start, bases=known.bases + part.bases, gc=known.gc + part.gc)
    return [totals[start] for start in sorted(totals)]
