"""The lexer of formulas: text to tokens."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fakebatch.autoscale.formula_syntax import Position
from fakebatch.errors import FormulaSyntaxError

TokenKind: TypeAlias = Literal["number", "text", "name", "mark", "end"]

_SKIPPED: Final = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_TOKEN: Final = re.compile(
    r"(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r'|(?P<text>"[^"\n]*"|\'[^\'\n]*\')'
    r"|(?P<name>\$?[A-Za-z_]\w*)"
    r"|(?P<mark>&&|\|\||[<>=!]=|[-+*/<>!?:=;,.()\[\]])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a formula. White space and comments belong to no token."""

    kind: TokenKind
    text: str
    position: Position


def tokens(formula: str) -> list[Token]:
    """Return the tokens of a formula. The last one has the kind `end`. Raises FormulaSyntaxError."""
    found: list[Token] = []
    offset, line, line_start = 0, 1, 0
    while True:
        if skipped := _SKIPPED.match(formula, offset):
            line += skipped[0].count("\n")
            if "\n" in skipped[0]:
                line_start = formula.rindex("\n", 0, skipped.end()) + 1
            offset = skipped.end()
        position = Position(line, offset - line_start + 1)
        if offset == len(formula):
            return [*found, Token("end", "end of formula", position)]
        match = _TOKEN.match(formula, offset)
        if match is None:
            raise FormulaSyntaxError(
                f"Unexpected character '{formula[offset]}'", position.line, position.column
            )
        found.append(Token(_kind(match), match[0], position))
        offset = match.end()


def _kind(match: re.Match[str]) -> TokenKind:
    match match.lastgroup:
        case "number" | "text" | "name" | "mark" as kind:
            return kind
        case _:
            raise AssertionError(match.lastgroup)
