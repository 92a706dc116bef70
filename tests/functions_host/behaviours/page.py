"""The page of all behaviours, and the summary of it on the host's own page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.functions_host.behaviours.behaviour import GROUPS, Behaviour, Here, Known
from tests.functions_host.behaviours.listed import listed_behaviours
from tests.functions_host.behaviours.recorded import recorded_behaviours

_DOCS = Path(__file__).parents[3] / "docs"
PAGE = _DOCS / "embedded-host-behaviours.md"
"""Every behaviour."""
SUMMARY_PAGE = _DOCS / "embedded-host.md"
"""The page with the summary."""

_BEGIN = "<!-- The table is written by `make behaviours`. -->\n"
_END = "<!-- End of the table. -->\n"

_HEAD = """\
# Every behaviour of the Functions host that we know

`make behaviours` writes this page from the tests' data. A test fails if the two part ways.

A behaviour is known in one of three ways:

- **recorded**: Microsoft's code was run, and what it did was written down. The link leads to the recording. A
  test replays it on the embedded host.
- **read**: it stands in Microsoft's documentation or sources. The link leads there. A test shows that it is
  the same here.
- **assumed**: neither of these; it is what seemed likely.

*differs* means that some part of it is not the same here. The reason stands below the table. The
[page of the embedded host](embedded-host.md) says the same in fewer words.
"""


def all_behaviours() -> list[Behaviour]:
    """Return what was recorded, and then what was read or assumed."""
    return [*recorded_behaviours(), *(one.behaviour for one in listed_behaviours())]


def page(behaviours: Sequence[Behaviour]) -> str:
    """Return the page with every behaviour."""
    return "\n".join([_HEAD, summary(behaviours, ""), *_sections(behaviours)])


def summary(behaviours: Sequence[Behaviour], page: str = PAGE.name) -> str:
    """Return the table of numbers. Its groups link to their parts of the page."""
    rows = [_row("", *Known, "the same here", "differs")]
    rows.append(_row(*["---"] * len(rows[0].split("|")[1:-1])))
    rows += [_numbers(f"[{group}]({page}#{_anchor(group)})", _of(group, behaviours)) for group in GROUPS]
    rows.append(_numbers("all", behaviours))
    return "".join(rows)


def with_summary(text: str, table: str) -> str:
    """Return the text of the host's page with a new table. Raises ValueError if it has no place for it."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{SUMMARY_PAGE.name} has no place for the table")
    return f"{before}{begin}\n{table}\n{end}{after}"


def _sections(behaviours: Sequence[Behaviour]) -> Iterator[str]:
    for group in GROUPS:
        of_group = _of(group, behaviours)
        yield f"\n## {group}\n"
        yield (
            _row("behaviour", "known from", "here")
            + _row("---", "---", "---")
            + "".join(_row(one.what.replace("|", "\\|"), _known_from(one), _here(one)) for one in of_group)
        )
        if reasons := _reasons(of_group):
            yield "What differs, and why:\n"
            yield "\n".join(reasons) + "\n"


def _reasons(behaviours: Sequence[Behaviour]) -> list[str]:
    """Return a line for each reason, with all that it holds for."""
    subjects: dict[str, list[str]] = {}
    for one in behaviours:
        if one.reason:
            subjects.setdefault(one.reason, []).append(_subject(one))
    return [f"- {', '.join(names)}: {reason}" for reason, names in subjects.items()]


def _known_from(one: Behaviour) -> str:
    return f"{one.known}: {one.source}" if one.source else str(one.known)


def _here(one: Behaviour) -> str:
    return f"**{one.here}**" if one.here is Here.DIFFERENT else str(one.here)


def _subject(one: Behaviour) -> str:
    return f"`{one.name}`" if one.name else f"“{one.what}”"


def _of(group: str, behaviours: Sequence[Behaviour]) -> list[Behaviour]:
    return [one for one in behaviours if one.group == group]


def _numbers(title: str, behaviours: Sequence[Behaviour]) -> str:
    known = [sum(one.known is known for one in behaviours) for known in Known]
    different = sum(one.here is Here.DIFFERENT for one in behaviours)
    return _row(title, *known, len(behaviours) - different, different)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
