"""Texts with placeholders: `{0}`, `{name}`, and `{0:4}` for a number padded with zeros to four digits."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from batchmgr.errors import InvalidJobError

_BRACE = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_NAME = re.compile(r"(?P<name>\w+)(?::(?P<width>[1-9]))?")


@dataclass(frozen=True, kw_only=True)
class Placeholder:
    """The place of a value; `width` is the least number of its digits."""

    name: str
    width: int = 0

    def fill(self, values: Mapping[str, str]) -> str:
        """The value as it appears in this place."""
        return values[self.name].zfill(self.width)

    def __str__(self) -> str:
        return f"{{{self.name}:{self.width}}}" if self.width else f"{{{self.name}}}"


Parts: TypeAlias = tuple[str | Placeholder, ...]


@dataclass(frozen=True)
class TextTemplate:
    """A text to fill in.

    >>> template = TextTemplate.parse("{{{x}}}-{0:3}", ["0", "x"], field="displayName")
    >>> template.fill({"0": "7", "x": "seven"})
    '{seven}-007'
    """

    parts: Parts

    @classmethod
    def parse(cls, text: str, names: Collection[str], *, field: str) -> "TextTemplate":
        """The template that a text is. Raises InvalidJobError for a placeholder that is not in `names`."""
        parts: list[str | Placeholder] = []
        end = 0
        for match in _BRACE.finditer(text):
            parts.append(text[end : match.start()])
            parts.append(_part(match, names, field))
            end = match.end()
        parts.append(text[end:])
        return cls(tuple(part for part in parts if part))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The places of values, in order."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with these values."""
        return "".join(part if isinstance(part, str) else part.fill(values) for part in self.parts)


def _part(match: re.Match[str], names: Collection[str], field: str) -> str | Placeholder:
    inside = match["name"]
    if inside is None:
        if len(match[0]) == 2:
            return match[0][0]
        raise InvalidJobError(f"for a brace by itself, write {match[0] * 2}", field=field)
    found = _NAME.fullmatch(inside)
    if found is None or found["name"] not in names:
        known = ", ".join(f"{{{name}}}" for name in names)
        raise InvalidJobError(
            f"there is no placeholder {{{inside}}}, only {known}; for braces as such, write {{{{ and }}}}",
            field=field,
        )
    return Placeholder(name=found["name"], width=int(found["width"] or 0))
