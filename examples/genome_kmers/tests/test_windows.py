import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr import InvalidInputError
from genome_kmers import kmers
from genome_kmers.kmers import kmer_names, kmer_numbers
from genome_kmers.merge import MergedGenome, merge_windows
from genome_kmers.results import write_results
from genome_kmers.tables import occurring
from genome_kmers.tasks import WINDOW_FILES
from genome_kmers.window import count_window

LAMBDA = Path(__file__).parents[1] / "data" / "NC_001416.1.fa"


def count_directly(records: list[str], k: int) -> Counter[str]:
    """Every k-mer of every record, one by one."""
    words = (record[i : i + k] for record in records for i in range(len(record) - k + 1))
    return Counter(word for word in words if set(word) <= set("ACGT"))


def count_in_windows(genome: Path, directory: Path, *, windows: int, k: int) -> None:
    """What the tasks of a job do, and where the FinalizeTask finds it."""
    for window in range(1, windows + 1):
        task = directory / f"task-{window}"
        task.mkdir()
        count_window(genome, task, window=window, windows=windows, k=k)
        for name, folder in WINDOW_FILES.items():
            (directory / folder).mkdir(exist_ok=True)
            (task / name).rename(directory / folder / f"{window}.{name.partition('.')[2]}")


def counter(merged: MergedGenome) -> Counter[str]:
    return Counter(dict(occurring(merged.counts, merged.commonest(), merged.k)))


@pytest.mark.parametrize(("windows", "k"), [(1, 1), (8, 6), (7, 12)])
def test_the_windows_of_the_lambda_genome_add_up_to_a_direct_count(
    tmp_path: Path, windows: int, k: int
) -> None:
    sequence = "".join(LAMBDA.read_text().splitlines()[1:])
    count_in_windows(LAMBDA, tmp_path, windows=windows, k=k)
    merged = merge_windows(tmp_path, windows=windows, k=k)
    assert counter(merged) == count_directly([sequence], k)
    assert merged.letters == len(sequence) == 48_502
    assert sum(part.bases for part in merged.profile) == 48_502
    assert merged.gc_fraction == (sequence.count("G") + sequence.count("C")) / 48_502


@given(
    records=st.lists(st.text("ACGTN", min_size=1, max_size=60), min_size=1, max_size=5),
    k=st.integers(1, 7),
    windows=st.integers(1, 12),
)
def test_the_windows_of_any_genome_add_up_to_a_direct_count(
    tmp_path_factory: pytest.TempPathFactory, records: list[str], k: int, windows: int
) -> None:
    directory = tmp_path_factory.mktemp("windows")
    genome = directory / "genome.fa"
    genome.write_text("".join(f">r{i}\n{record}\n" for i, record in enumerate(records)))
    count_in_windows(genome, directory, windows=windows, k=k)
    merged = merge_windows(directory, windows=windows, k=k)
    everything = "".join(records)
    assert counter(merged) == count_directly(records, k)
    assert (merged.letters, merged.records) == (len(everything), len(records))
    assert sum(part.gc for part in merged.profile) == everything.count("G") + everything.count("C")
    assert [part.start for part in merged.profile] == list(range(0, len(everything), merged.bin_size))


def test_chunks_within_a_window_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    codes = generator.choice([0, 1, 2, 3, 4, 8, 9], size=1000).astype(np.uint8)
    whole = kmers.count_kmers(codes, 3, start=10, end=990)
    monkeypatch.setattr(kmers, "_CHUNK", 7)
    told: list[float] = []
    assert whole.sum() > 0
    assert np.array_equal(kmers.count_kmers(codes, 3, start=10, end=990, progress=told.append), whole)
    assert told == [first / 980 for first in range(7, 980, 7)]


@given(k=st.integers(1, 12), data=st.data())
def test_a_kmer_and_its_number_stand_for_each_other(k: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 4**k - 1), min_size=1, max_size=20))
    names = kmer_names(np.array(numbers, dtype=np.int64), k)
    assert kmer_numbers([name.encode() for name in names], k).tolist() == numbers
    assert sorted(names) == [name for _, name in sorted(zip(numbers, names, strict=True))]


def test_windows_beyond_a_tiny_genome_are_empty_and_no_error(tmp_path: Path) -> None:
    genome = tmp_path / "genome.fa"
    genome.write_text(">tiny\nACG\n")
    count_in_windows(genome, tmp_path, windows=8, k=6)
    merged = merge_windows(tmp_path, windows=8, k=6)
    write_results(merged, tmp_path, top=20)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["bases"], summary["totalKmers"], summary["top"]) == (3, 0, [])
    assert summary["gcFraction"] == pytest.approx(2 / 3)
    assert summary["missingWindows"] == []


def test_missing_windows_are_named_and_the_others_merged(tmp_path: Path) -> None:
    count_in_windows(LAMBDA, tmp_path, windows=4, k=3)
    (tmp_path / "counts" / "2.tsv").unlink()
    (tmp_path / "gc" / "3.tsv").unlink()
    merged = merge_windows(tmp_path, windows=4, k=3)
    write_results(merged, tmp_path, top=5)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["missingWindows"] == [2, 3]
    sequence = "".join(LAMBDA.read_text().splitlines()[1:])
    first, last = sequence[: 48_502 // 4 + 2], sequence[48_502 * 3 // 4 :]
    assert counter(merged) == count_directly([first, last], 3)


def test_a_job_without_any_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="None of the 8 windows"):
        merge_windows(tmp_path, windows=8, k=6)


def test_the_table_has_the_commonest_first_and_ties_by_name(tmp_path: Path) -> None:
    genome = tmp_path / "genome.fa"
    genome.write_text(">tie\nTTTGGGAC\n")
    count_in_windows(genome, tmp_path, windows=2, k=1)
    write_results(merge_windows(tmp_path, windows=2, k=1), tmp_path, top=2)
    rows = [line.split("\t") for line in (tmp_path / "kmers.tsv").read_text().splitlines()]
    assert rows == [
        ["kmer", "count", "frequency"],
        ["G", "3", "0.375000000"],
        ["T", "3", "0.375000000"],
        ["A", "1", "0.125000000"],
        ["C", "1", "0.125000000"],
    ]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [row["kmer"] for row in summary["top"]] == ["G", "T"]
