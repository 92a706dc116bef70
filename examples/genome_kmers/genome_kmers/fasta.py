"""Reads a genome: any nucleotide FASTA file, plain or gzipped, with one record or many.

Each letter becomes one byte. Its two low bits are the base (A, C, G, T = 0 to 3, so that numeric order is
alphabetical order). `OTHER` marks any other IUPAC letter, and `RECORD_START` the first letter of a record.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchmgr import InvalidInputError

OTHER = 4
RECORD_START = 8
BASES = "ACGT"

_ILLEGAL = 0xFF
_OTHER_LETTERS = "NRYSWKMBDHV-"
_WHITESPACE = b" \t\r\n"
_GZIP_MAGIC = b"\x1f\x8b"
_HEADER = re.compile(rb"(?<=\n)>([^\n]*)")
_BLOCK = 1 << 20
_MAX_NAMES = 20
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class Genome:
    """The content of a FASTA file: `codes` has one byte a letter, `names` those of its first 20 records."""

    names: tuple[str, ...]
    records: int
    codes: bytearray


def read_genome(path: Path) -> Genome:
    """Return the genome in a FASTA file.

    Raise `InvalidInputError`, which says what was found, if the file is not one.
    """
    reader = _Reader()
    with path.open("rb") as file:
        magic = file.read(len(_GZIP_MAGIC))
    if not magic:
        raise InvalidInputError("The genome file is empty.")
    try:
        with gzip.open(path) if magic == _GZIP_MAGIC else path.open("rb") as stream:
            reader.read(stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInputError(f"The genome file is a damaged gzip file: {error}.") from error
    return reader.genome()


def _code_table() -> bytes:
    table = bytearray([_ILLEGAL]) * 256
    for letters, code in [*zip(BASES, range(4), strict=True), ("U", 3), (_OTHER_LETTERS, OTHER)]:
        for letter in letters + letters.lower():
            table[ord(letter)] = code
    return bytes(table)


_CODES = _code_table()


class _Reader:
    """Reads a FASTA file block by block, so that only its codes are kept in memory."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._records = 0
        self._codes = bytearray()
        self._at_record_start = False

    def read(self, stream: BinaryIO | gzip.GzipFile) -> None:
        """Read the whole stream."""
        line_start = b"\n"
        # A block ends at the end of a line, unless the line is longer than a block.
        while block := stream.read(_BLOCK) + stream.readline(_BLOCK):
            letters, *rest = _HEADER.split(line_start + block)
            self._take_letters(letters)
            for header, letters in zip(rest[::2], rest[1::2], strict=True):
                self._take_header(header)
                self._take_letters(letters)
            line_start = b"\n" if block.endswith(b"\n") else b""

    def genome(self) -> Genome:
        """Return what was read. Raise `InvalidInputError` if there were no letters."""
        if not self._codes:
            raise InvalidInputError(f"The genome file has no sequence ({self._records} FASTA headers).")
        return Genome(names=tuple(self._names), records=self._records, codes=self._codes)

    def _take_header(self, header: bytes) -> None:
        self._records += 1
        self._at_record_start = True
        if len(self._names) < _MAX_NAMES:
            self._names.append(header.decode(errors="replace").strip()[:_MAX_NAME_LENGTH])

    def _take_letters(self, letters: bytes) -> None:
        codes = letters.translate(_CODES, _WHITESPACE)
        if not codes:
            return
        if not self._records:
            start = letters.split(maxsplit=1)[0][:20].decode("ascii", "backslashreplace")
            raise InvalidInputError(f"The genome file is not FASTA: it begins with {start!r}, not with '>'.")
        if _ILLEGAL in codes:
            found = letters.translate(None, _WHITESPACE)[codes.index(_ILLEGAL) :][:1]
            raise InvalidInputError(
                f"The genome file is not a nucleotide FASTA file: record {self._records} holds {found!r}, "
                f"which is not an IUPAC nucleotide letter."
            )
        first = len(self._codes)
        self._codes += codes
        if self._at_record_start:
            self._codes[first] |= RECORD_START
            self._at_record_start = False
