"""The parts of a page in Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence

NOTE = "`make reference` writes this page from the code. A test fails if the two part ways.\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def prose(docstring: str) -> str:
    """Return a docstring as Markdown: examples become blocks of Python, and lists keep their lines."""
    return "\n\n".join(_paragraphs(docstring))


def _paragraphs(docstring: str) -> Iterator[str]:
    for paragraph in docstring.strip().split("\n\n"):
        if paragraph.startswith(">>>"):
            yield f"```python\n{paragraph}\n```"
        else:
            yield paragraph


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("|", "\\|").replace("<", "&lt;")
