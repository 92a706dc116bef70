"""The syntax tree of a formula: statements and expressions."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Position:
    """The position in the text at which a part starts. Both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Number:
    """A literal such as `2.5`."""

    position: Position
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A literal such as `"2026-01-01"`."""

    position: Position
    value: str


@dataclass(frozen=True, slots=True)
class List:
    """A literal such as `[1, 2, 3]`."""

    position: Position
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a constant."""

    position: Position
    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """An operation on one value."""

    position: Position
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation on two values."""

    position: Position
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? then : otherwise`. Only the chosen side is evaluated."""

    position: Position
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function, such as `avg(1, 2)`."""

    position: Position
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a timestamp, such as `.hour`."""

    position: Position
    subject: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A call of a method of a metric, such as `.GetSample(1)`."""

    position: Position
    subject: "Expression"
    method: str
    arguments: tuple["Expression", ...]


Expression: TypeAlias = (
    Number | Text | List | Name | Unary | Binary | Choice | FunctionCall | Member | MethodCall
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: an expression. If `target` is not None, its value is assigned to that variable."""

    position: Position
    target: str | None
    expression: Expression
