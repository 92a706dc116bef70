"""The file patterns of output files."""

from pathlib import Path

import pytest

from fakebatch.execution.file_patterns import find

_FILES = (
    "wd/a.txt",
    "wd/b.txt",
    "wd/b.csv",
    "wd/.hidden.txt",
    "wd/abc[1]",
    "wd/out/x.txt",
    "wd/out/deep/y.txt",
    "wd/out/.secret/z.txt",
    "wd/s-t1/q.txt",
    "stdout.txt",
    "stderr.txt",
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in _FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "wd"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.txt", ["a.txt"]),
        ("out/x.txt", ["x.txt"]),
        ("none.txt", []),
        ("out", []),
        ("*.txt", ["a.txt", "b.txt"]),
        (".*.txt", [".hidden.txt"]),
        ("?.csv", ["b.csv"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("[a-a].txt", ["a.txt"]),
        ("abc[[]1]", ["abc[1]"]),
        ("out/*.txt", ["x.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "out/deep/y.txt", "out/x.txt", "s-t1/q.txt"]),
        ("out/**/*", ["deep/y.txt", "x.txt"]),
        ("out/**", ["deep/y.txt", "x.txt"]),
        ("../std*.txt", ["stderr.txt", "stdout.txt"]),
        ("../stdout.txt", ["stdout.txt"]),
        ("s-$ID/*.txt", ["q.txt"]),
        ("s-${ID}/q.txt", ["q.txt"]),
    ],
)
def test_a_pattern_names_files_from_where_its_wildcards_begin(
    directory: Path, pattern: str, names: list[str]
) -> None:
    assert [match.name for match in find(pattern, directory, {"ID": "t1"})] == names


def test_an_absolute_pattern_leaves_the_working_directory(directory: Path) -> None:
    [match] = find(f"{directory.parent}/stdo*", Path("/"), {})
    assert match.path == directory.parent / "stdout.txt"
