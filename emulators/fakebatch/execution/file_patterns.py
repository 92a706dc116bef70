"""The file patterns of output files.

`*` and `?` match within a name, `[abc]` and `[!abc]` match one character, `**` matches any number of
directories. Only a pattern that begins with a dot matches a name that begins with a dot.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template

_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Match:
    """A file that matches. `name` is its path relative to where the wildcards of the pattern begin."""

    path: Path
    name: str


def has_wildcards(pattern: str) -> bool:
    """Return whether a pattern can match several files."""
    return _WILDCARDS.search(pattern) is not None


def find(pattern: str, directory: Path, variables: Mapping[str, str]) -> list[Match]:
    """Return the files that match a pattern, sorted by path.

    A relative pattern starts at `directory`. `$NAME` and `${NAME}` are replaced by the variables.
    """
    expanded = Template(pattern).safe_substitute(variables)
    segments = [part for part in expanded.split("/") if part not in ("", ".")]
    base = Path("/") if expanded.startswith("/") else directory
    while len(segments) > 1 and not has_wildcards(segments[0]):
        base /= segments.pop(0)
    if not segments:
        return []
    found = {path for path in _walk(base, segments) if path.is_file()}
    return [Match(path, path.relative_to(base).as_posix()) for path in sorted(found)]


def _walk(base: Path, segments: list[str]) -> Iterator[Path]:
    segment, rest = segments[0], segments[1:]
    if not has_wildcards(segment):
        here = base / segment
        yield from _walk(here, rest) if rest else [here]
        return
    if segment == "**":
        # As the last segment, `**` matches all files at any depth.
        yield from _walk(base, rest or ["*"])
        for child in _children(base, "*"):
            if child.is_dir() and not child.is_symlink():
                yield from _walk(child, segments)
        return
    for child in _children(base, segment):
        if not rest:
            yield child
        elif child.is_dir():
            yield from _walk(child, rest)


def _children(base: Path, segment: str) -> Iterator[Path]:
    if not base.is_dir():
        return
    expression = _expression(segment)
    for child in base.iterdir():
        if expression.fullmatch(child.name) and (not child.name.startswith(".") or segment.startswith(".")):
            yield child


@lru_cache(maxsize=256)
def _expression(segment: str) -> re.Pattern[str]:
    parts: list[str] = []
    position = 0
    while position < len(segment):
        character = segment[position]
        # A bracket right after the opening one, or after its negation, is a member of the class.
        closing = segment.find("]", position + (3 if segment[position + 1 : position + 2] == "!" else 2))
        if character == "[" and closing > 0:
            members = re.sub(r"([\\\[^&~|])", r"\\\1", segment[position + 1 : closing])
            parts.append(f"[{'^' + members[1:] if members.startswith('!') else members}]")
            position = closing
        else:
            parts.append({"*": ".*", "?": "."}.get(character, re.escape(character)))
        position += 1
    return re.compile("".join(parts), re.DOTALL)
