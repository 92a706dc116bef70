"""Counts k-mers: words of k letters. Each is a number of 2k bits, in alphabetical order."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from genome_kmers.fasta import BASES, OTHER

_CHUNK = 1 << 20
_BASE_BYTES = np.frombuffer(BASES.encode(), dtype=np.uint8)


def count_kmers(
    codes: NDArray[np.uint8],
    k: int,
    *,
    start: int,
    end: int,
    progress: Callable[[float], None] = lambda part: None,
) -> NDArray[np.int64]:
    """Return 4**k counts: how often each k-mer starts at a letter from `start` up to, without, `end`.

    `codes` is the whole genome, since the last k-mers reach beyond `end`. K-mers that span two records or
    have a letter other than A, C, G, T are not counted. The work is done in chunks, so that it needs little
    more memory than the counts. Between chunks, `progress` is called with the fraction that is done.
    """
    counts = np.zeros(4**k, dtype=np.int64)
    end = min(end, len(codes) - k + 1)
    for first in range(start, end, _CHUNK):
        if first > start:
            progress((first - start) / (end - start))
        counts += _count_chunk(codes[first : min(first + _CHUNK, end) + k - 1], k)
    return counts


def _count_chunk(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    words = len(codes) - k + 1
    number: NDArray[np.uint32] = np.zeros(words, dtype=np.uint32)
    is_word = codes[:words] & OTHER == 0
    for offset in range(k):
        letters = codes[offset : offset + words]
        number <<= 2
        number |= letters & 3
        if offset:
            is_word &= letters < OTHER  # neither another letter nor the start of another record
    return np.bincount(number[is_word], minlength=4**k)


def kmer_names(numbers: NDArray[np.int64], k: int) -> list[str]:
    """Return the k-mers of these numbers, as ASCII text."""
    shifts = 2 * np.arange(k - 1, -1, -1)
    letters = _BASE_BYTES[(numbers[:, np.newaxis] >> shifts) & 3]
    return [name.decode() for name in letters.reshape(-1).view(f"S{k}").tolist()]


def kmer_numbers(names: Sequence[bytes], k: int) -> NDArray[np.int64]:
    """Return the numbers of these k-mers, given as ASCII bytes: the inverse of `kmer_names`."""
    letters = np.array(names, dtype=f"S{k}").view(np.uint8).reshape(-1, k)
    digits = np.searchsorted(_BASE_BYTES, letters)
    return digits @ (4 ** np.arange(k - 1, -1, -1))
