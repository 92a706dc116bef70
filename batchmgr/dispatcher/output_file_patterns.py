"""Finds the files that an output file pattern matches, by Azure Batch's rules.

`*` and `?` match within one name, `[abc]` and `[!abc]` match one character, and `**` matches any number of
directories. Only a pattern that begins with a dot matches a name that begins with one. `$NAME` is replaced by
the task's environment variable of that name.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template


def has_wildcards(pattern: str) -> bool:
    """Return whether the pattern can match more than one file."""
    return any(letter in pattern for letter in "*?[")


def find_files(pattern: str, directory: Path, variables: Mapping[str, str]) -> dict[str, Path]:
    """Return the files that the pattern matches, by their path below the pattern's part without wildcards."""
    expanded = Template(pattern).safe_substitute(variables)
    base = Path("/") if expanded.startswith("/") else directory
    segments = [part for part in expanded.split("/") if part not in ("", ".")]
    while len(segments) > 1 and not has_wildcards(segments[0]):
        base /= segments.pop(0)
    found = (name for name in _names(base, segments) if _matches(name.split("/"), segments))
    return {name: base / name for name in sorted(found) if (base / name).is_file()}


def _names(base: Path, segments: Sequence[str]) -> Iterator[str]:
    """Yield the paths of the files below `base`, no deeper than the pattern reaches."""
    depth = None if "**" in segments else len(segments)
    for folder, folders, files in os.walk(base):
        place = Path(folder).relative_to(base)
        if depth is not None and len(place.parts) + 1 >= depth:
            folders.clear()
        for name in files:
            yield (place / name).as_posix()


def _matches(names: Sequence[str], segments: Sequence[str]) -> bool:
    if not names or not segments:
        return not names and not segments
    (name, *names_left), (segment, *segments_left) = names, segments
    is_hidden = name.startswith(".") and not segment.startswith(".")
    if segment == "**":
        # As the last segment, `**` matches all files at any depth.
        if _matches(names, segments_left or ["*"]):
            return True
        return not is_hidden and _matches(names_left, segments)
    return not is_hidden and fnmatchcase(name, segment) and _matches(names_left, segments_left)
