"""Texts with placeholders: `{0}`, `{name}`, and `{0:4}`, which pads a number with zeros to four digits."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from batchmgr.errors import InvalidJobError

_BRACE = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_NAME = re.compile(r"(?P<name>\w+)(?::(?P<width>[1-9]))?")


@dataclass(frozen=True, kw_only=True)
class Placeholder:
    """A placeholder in a text. A value shorter than `width` is padded with zeros on the left."""

    name: str
    width: int = 0

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text that takes the place of the placeholder."""
        value = values[self.name]
        return value.zfill(self.width) if self.width else value

    def __str__(self) -> str:
        return f"{{{self.name}:{self.width}}}" if self.width else f"{{{self.name}}}"


Parts: TypeAlias = tuple[str | Placeholder, ...]


@dataclass(frozen=True)
class TextTemplate:
    """A text with placeholders, parsed.

    >>> template = TextTemplate.parse("{{{x}}}-{0:3}", ["0", "x"], field="displayName")
    >>> template.fill({"0": "7", "x": "seven"})
    '{seven}-007'
    """

    parts: Parts

    @classmethod
    def parse(cls, text: str, names: Collection[str], *, field: str) -> "TextTemplate":
        """Return the template of a text. Raise InvalidJobError for a placeholder that is not in `names`."""
        parts: list[str | Placeholder] = []
        end = 0
        for match in _BRACE.finditer(text):
            parts.append(text[end : match.start()])
            parts.append(_part(match, names, field))
            end = match.end()
        parts.append(text[end:])
        return cls(tuple(part for part in parts if part))

    @cached_property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Return the placeholders, in order."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with these values in place of the placeholders."""
        if self._pads:
            return "".join([part if isinstance(part, str) else part.fill(values) for part in self.parts])
        return self._format % values

    @cached_property
    def _pads(self) -> bool:
        return any(place.width for place in self.placeholders)

    @cached_property
    def _format(self) -> str:
        """Return the text for the operator `%`, which fills in all values in one go."""
        return "".join(
            part.replace("%", "%%") if isinstance(part, str) else f"%({part.name})s" for part in self.parts
        )


def _part(match: re.Match[str], names: Collection[str], field: str) -> str | Placeholder:
    inside = match["name"]
    if inside is None:
        if len(match[0]) == 2:
            return match[0][0]
        raise InvalidJobError(
            f"has a single {match[0]}: write {match[0] * 2} for the character itself", field=field
        )
    found = _NAME.fullmatch(inside)
    if found is None or found["name"] not in names:
        known = ", ".join(f"{{{name}}}" for name in names)
        raise InvalidJobError(
            f"there is no placeholder {{{inside}}}: use one of {known}, or write {{{{ and }}}} for braces",
            field=field,
        )
    return Placeholder(name=found["name"], width=int(found["width"] or 0))
