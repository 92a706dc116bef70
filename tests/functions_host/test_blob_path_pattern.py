"""The path patterns of blob triggers match blob names as in the real host."""

import pytest

from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.errors import ConfigurationError


@pytest.mark.parametrize(
    ("path", "blob", "values"),
    [
        ("c/{name}", "a", {"name": "a"}),
        ("c/{name}", "a/b/c", {"name": "a/b/c"}),
        ("c/{id}.json", "x/y.json", {"id": "x/y"}),
        ("c/{id}.json", "x.txt", None),
        ("c/in/{a}-{b}.csv", "in/1-2.csv", {"a": "1", "b": "2"}),
        ("c/in/{a}", "out/1", None),
        ("c", "anything/at/all", {"name": "anything/at/all"}),
        ("c/exact.txt", "exact.txt", {}),
    ],
)
def test_a_pattern_gives_its_parameters(path: str, blob: str, values: dict[str, str] | None) -> None:
    assert BlobPathPattern.parse(path).match(blob) == values


@pytest.mark.parametrize("path", ["", "/a", "{container}/a", "c/{a", "c/a}"])
def test_a_path_without_a_container_or_with_a_stray_brace_is_an_error(path: str) -> None:
    with pytest.raises(ConfigurationError):
        BlobPathPattern.parse(path)
