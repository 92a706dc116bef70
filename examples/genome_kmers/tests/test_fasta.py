import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr import InvalidInputError
from genome_kmers.fasta import OTHER, RECORD_START, Genome, read_genome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "genome.fa"


def letters(genome: Genome) -> str:
    """The letters as upper-case text: one line a record, N for what is none of A, C, G, T."""
    text = "".join(("\n" if code & RECORD_START else "") + "ACGTN"[code & 7] for code in genome.codes)
    return text.removeprefix("\n")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b">one\nACGT\n", "ACGT"),
        (b">one\r\nACGT\r\nAC\r\n", "ACGTAC"),
        (b">one\nacgtn\n", "ACGTN"),
        (b">one\nACGU\n", "ACGT"),
        (b">one\nARYSWKMBDHVN-A", "ANNNNNNNNNNNNA"),
        (b"\n\n>one\nAC\n\n GT \n", "ACGT"),
        (b">one\nAC\n>two\nGT\n>three\nT", "AC\nGT\nT"),
        (b">empty\n>two\nGT\n>empty\n", "GT"),
        (b">one > and >more\nAC\n", "AC"),
    ],
)
def test_every_usual_form_of_fasta_is_read(path: Path, content: bytes, expected: str) -> None:
    path.write_bytes(content)
    assert letters(read_genome(path)) == expected


def test_a_gzipped_genome_is_told_by_its_content_and_not_by_its_name(path: Path) -> None:
    # Two members, as block-compressed files have them.
    path.write_bytes(gzip.compress(b">one\nACG") + gzip.compress(b"T\n>two\nA\n"))
    assert letters(read_genome(path)) == "ACGT\nA"


def test_names_are_those_of_the_first_records(path: Path) -> None:
    path.write_bytes("".join(f">record {i} \r\nA\n" for i in range(30)).encode())
    genome = read_genome(path)
    assert genome.names == tuple(f"record {i}" for i in range(20))
    assert genome.records == 30


@given(
    records=st.lists(st.text("ACGTN", min_size=1, max_size=40), min_size=1, max_size=5),
    width=st.integers(1, 9),
)
def test_line_lengths_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, records: list[str], width: int
) -> None:
    path = tmp_path_factory.mktemp("fasta") / "genome.fa"
    with path.open("w") as file:
        for record in records:
            file.write(">r\n")
            file.writelines(f"{record[i : i + width]}\n" for i in range(0, len(record), width))
    assert letters(read_genome(path)) == "\n".join(records)


def test_records_and_lines_longer_than_a_block_are_read_whole(path: Path) -> None:
    long = b"ACGTN" * 500_000
    path.write_bytes(b">one\n" + long + b"\n>two\nACGT\n>three\n" + b"AC\n" * 500_000 + long)
    genome = read_genome(path)
    assert genome.records == 3
    assert len(genome.codes) == 2 * len(long) + 4 + 1_000_000
    starts = [index for index, code in enumerate(genome.codes) if code & RECORD_START]
    assert starts == [0, len(long), len(long) + 4]
    assert sum(code == OTHER for code in genome.codes) == 1_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "no sequence"),
        (b"\n\n", "no sequence"),
        (b">one\n>two\n", r"no sequence \(2 FASTA headers\)"),
        (b"ACGT\n>one\nACGT\n", r"not FASTA: it begins with 'ACGT'"),
        (b"PK\x03\x04" + bytes(range(256)), "not FASTA: it begins with 'PK"),
        (b"<html>404</html>", "not FASTA: it begins with '<html>404</html>'"),
        (b">one\nACGT\n>two\nAC\x00T\n", r"record 2 holds b'\\x00'"),
        (b">protein\nMKVL\n", "record 1 holds b'L'"),
        (b">one\nAC>GT\n", "record 1 holds b'>'"),
        (gzip.compress(b">one\nACGT\n" * 99, mtime=0)[:-9], "damaged gzip file"),
        (b"\x1f\x8b", "damaged gzip file"),
        (b"\x1f\x8bACGT" * 20, "damaged gzip file"),
    ],
)
def test_what_is_no_genome_is_refused_with_what_was_found(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        read_genome(path)


@given(st.integers(0, 79), st.integers(0, 255))
def test_a_gzip_file_with_one_wrong_byte_is_read_rightly_or_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    whole = gzip.compress(b">one\n" + b"ACGTTGCA" * 50 + b"\n", mtime=0)
    damaged = bytearray(whole)
    damaged[position % len(whole)] = value
    path = tmp_path_factory.mktemp("gzip") / "genome.fa"
    path.write_bytes(damaged)
    try:
        genome = read_genome(path)
    except InvalidInputError:
        return
    assert letters(genome) == "ACGTTGCA" * 50
