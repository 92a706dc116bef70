"""How commands print: data on stdout, as text or JSON; talk on stderr; a word for each state, and colours."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from batchmgr.cli.arguments import option

T = TypeVar("T")
Form = Literal["text", "json", "jsonl", "name"]
Output = Annotated[
    Form,
    option("-o", "--output", text="what is printed: text (the default), JSON, one JSON a line, or names"),
]
TextOrJson = Annotated[
    Literal["text", "json"], option("-o", "--output", text="what is printed: text (the default) or JSON")
]
"""For commands whose output is one thing, not a list of things with names."""

_COLOURS = {
    **dict.fromkeys(("succeeded",), "32"),
    **dict.fromkeys(("failed", "timed_out", "rejected"), "31"),
    **dict.fromkeys(("partial", "cancelled"), "33"),
    **dict.fromkeys(("running", "preparing", "finalizing"), "36"),
}
"""The codes of colours that can be read on dark and on light ground."""


def print_one(value: Any, form: str, *, text: Callable[[], str], name: str) -> None:
    """Print a value in the form that the caller has chosen."""
    if form == "json":
        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    elif form == "jsonl":
        print(msgspec.json.encode(value).decode(), flush=True)
    else:
        print(name if form == "name" else text(), flush=True)


def print_each(values: Iterable[T], form: str, *, text: Callable[[T], str], name: Callable[[T], str]) -> None:
    """Print values one by one, as they come; as one array of JSON, when all are there."""
    if form == "json":
        print_one(list(values), form, text=str, name="")
        return
    for value in values:
        print_one(value, form, text=lambda value=value: text(value), name=name(value))  # type: ignore[misc]


def say(text: str) -> None:
    """Print what is no data."""
    print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows below a header, in columns. On a terminal, the last column is cut at its width."""
    lines = [header, *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(header))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    shown = []
    for row in lines:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = "  ".join(cells).rstrip()
        if room and len(line) > room:
            line = line[: room - 1] + "…"
        shown.append(_coloured(line, row) if row is not header else line)
    return "\n".join(shown)


def _coloured(line: str, row: Sequence[str]) -> str:
    """Colour the first cell that is a state."""
    for cell in row:
        if cell in _COLOURS:
            return line.replace(f" {cell} ", f" {coloured(cell)} ", 1)
    return line


def coloured(state: str) -> str:
    """Return the word of a state, in its colour on a terminal."""
    code = _COLOURS.get(state)
    return f"\x1b[{code}m{state}\x1b[0m" if code and has_colours() else state


def has_colours() -> bool:
    """Return whether stdout shows colours: a terminal, unless NO_COLOR says otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def plain(text: str) -> str:
    """Return a text of somebody else without what a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def one_line(text: str) -> str:
    """Return the first line of a text of somebody else."""
    return plain(text.strip().partition("\n")[0])
