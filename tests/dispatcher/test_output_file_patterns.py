"""Output file patterns match the same files as in the fake Azure Batch."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchmgr.dispatcher.output_file_patterns import find_files
from fakebatch.execution import file_patterns as oracle
from tests.number_of_examples import examples

FILES = (
    *("a.txt", "b.txt", ".hidden", "a", "ab", "[a]", "-"),
    *("d/a.txt", "d/.hidden/a.txt", "d/e/a.txt", "d/e/b", "d/e/f/a.txt", ".h/a.txt"),
)
SEGMENTS = (
    "a.txt",
    "*",
    "?",
    "a*",
    "*.txt",
    "[ab].txt",
    "[!a].txt",
    "[!a]",
    "**",
    "d",
    "e",
    ".h*",
    ".*",
    "[a]",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("task")
    for name in FILES:
        (root / "wd" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "wd" / name).touch()
    for name in ("stdout.txt", "stderr.txt", "other.txt"):
        (root / name).touch()
    return root / "wd"


def names(pattern: str, tree: Path) -> list[str]:
    return list(find_files(pattern, tree, {"TREE": str(tree), "NAME": "d"}))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("none.txt", []),
        ("d", []),
        ("*.txt", ["a.txt", "b.txt"]),
        ("d/*.txt", ["a.txt"]),
        ("d/**/*.txt", ["a.txt", "e/a.txt", "e/f/a.txt"]),
        ("d/**", ["a.txt", "e/a.txt", "e/b", "e/f/a.txt"]),
        ("../std*.txt", ["stderr.txt", "stdout.txt"]),
        ("../stdout.txt", ["stdout.txt"]),
        ("$NAME/*.txt", ["a.txt"]),
        ("$TREE/d/e/*", ["a.txt", "b"]),
    ],
)
def test_a_pattern_names_files(pattern: str, found: list[str], tree: Path) -> None:
    assert names(pattern, tree) == found


@settings(examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4))
def test_every_pattern_names_what_the_fake_batch_takes_it_for(tree: Path, segments: list[str]) -> None:
    pattern = "/".join(segments)
    expected = sorted(match.name for match in oracle.find(pattern, tree, {}))
    assert sorted(names(pattern, tree)) == expected
