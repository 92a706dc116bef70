"""JSON as Newtonsoft.Json of .NET reads it: with comments, extra commas, single quotes and unquoted names."""

import json
import re
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\r\n]*|/\*.*?\*/)
    | (?P<double>"(?:[^"\\]|\\.)*")
    | (?P<single>'(?:[^'\\]|\\.)*')
    | (?P<sign>[{}\[\]:,])
    | (?P<word>[^\s{}\[\]:,"'/]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER_OR_CONSTANT = re.compile(r"-?\d.*|true|false|null|NaN|-?Infinity")


def parse(text: str) -> Any:
    """Parse a document. Raises ValueError."""
    return json.loads("".join(_without_last_commas(_tokens(text))), strict=False)


def _tokens(text: str) -> Iterator[str]:
    """Return the tokens of a document as JSON. Comments are left out, and all texts have double quotes."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unexpected text at position {position}: {text[position : position + 20]!r}")
        position = match.end()
        match match.lastgroup:
            case "single":
                inside = match["single"][1:-1].replace(r"\'", "'")
                yield '"' + re.sub(r'(?<!\\)((?:\\\\)*)"', r"\1\"", inside) + '"'
            case "word" if not _NUMBER_OR_CONSTANT.fullmatch(match["word"]):
                yield json.dumps(match["word"]) if _is_name(text, position) else match["word"]
            case "blank":
                yield " "
            case _:
                yield match[0]


def _is_name(text: str, position: int) -> bool:
    return re.match(r"\s*:", text[position:]) is not None


def _without_last_commas(tokens: Iterator[str]) -> Iterator[str]:
    """Drop a comma between a value and a closing bracket."""
    comma, last = "", ""
    for token in filter(str.strip, tokens):
        if token not in ("}", "]") or last in ("", "{", "[", ":"):
            yield comma
        comma = token if token == "," else ""  # noqa: S105
        if not comma:
            yield token
            last = token
    yield comma
