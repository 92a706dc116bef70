"""The parts of a formula."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part begins in the text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Number:
    """A literal such as `2.5`."""

    place: Place
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A literal such as `"2026-01-01"`."""

    place: Place
    value: str


@dataclass(frozen=True, slots=True)
class List:
    """A literal such as `[1, 2, 3]`."""

    place: Place
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a constant."""

    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """An operation on one value."""

    place: Place
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation on two values."""

    place: Place
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? then : otherwise`, of which only the chosen side is evaluated."""

    place: Place
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    place: Place
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a timestamp, such as `.hour`."""

    place: Place
    subject: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A method of a metric with its arguments, such as `.GetSample(1)`."""

    place: Place
    subject: "Expression"
    method: str
    arguments: tuple["Expression", ...]


Expression: TypeAlias = Number | Text | List | Name | Unary | Binary | Choice | Call | Member | MethodCall


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: an expression, whose value a variable may be given."""

    place: Place
    target: str | None
    expression: Expression
