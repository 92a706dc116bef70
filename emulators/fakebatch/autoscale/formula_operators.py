"""The operators of formulas, for the types that the documentation of Azure Batch names."""

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from fakebatch.autoscale.formula_values import Interval, Timestamp, Value, Vector, kind_of

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "!=": operator.ne,
}


def divide(left: float, right: float) -> float:
    """Return a quotient. A division by zero gives infinity or NaN."""
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left)


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
}


def unary(sign: str, value: Value) -> Value:
    """Return `- value` or `! value`. Raises TypeError if the operator does not apply to the value."""
    match sign, value:
        case "-", float():
            return -value
        case "!", float():
            return float(not value)
        case "-", Interval(length):
            return Interval(-length)
    raise TypeError(f"The operator '{sign}' does not apply to {kind_of(value)}")


def binary(sign: str, left: Value, right: Value) -> Value:
    """Return the result of an operation on two values.

    Raises TypeError if the operator does not apply to them, and ValueError if there is no result.
    """
    if (
        sign in _COMPARISONS
        and type(left) is type(right)
        and isinstance(left, float | str | Timestamp | Interval)
    ):
        return float(_COMPARISONS[sign](left, right))
    result = _arithmetic(sign, left, right) if sign in _ARITHMETIC else None
    if result is None:
        raise TypeError(f"The operator '{sign}' does not apply to {kind_of(left)} and {kind_of(right)}")
    return result


def _arithmetic(sign: str, left: Value, right: Value) -> Value | None:
    calculate = _ARITHMETIC[sign]
    match left, right:
        case float(), float():
            return calculate(left, right)
        case tuple(), float():
            return tuple(calculate(item, right) for item in left)
        case tuple(), tuple():
            return _componentwise(calculate, left, right)
        case _:
            return _on_times(sign, left, right)


def _componentwise(calculate: Callable[[float, float], float], left: Vector, right: Vector) -> Vector:
    if len(left) != len(right):
        raise ValueError(f"The vectors have {len(left)} and {len(right)} elements")
    return tuple(map(calculate, left, right))


def _on_times(sign: str, left: Value, right: Value) -> Value | None:
    match left, sign, right:
        case (float() as factor, "*", Interval(length)) | (Interval(length), "*", float() as factor):
            return Interval(_whole(length * factor))
        case Interval(length), "/", float() as divisor:
            return Interval(_whole(divide(length, divisor)))
        case Interval(first), "+", Interval(second):
            return Interval(first + second)
        case Interval(first), "-", Interval(second):
            return Interval(first - second)
        case (Interval(length), "+", Timestamp(at)) | (Timestamp(at), "+", Interval(length)):
            return Timestamp(at + length)
        case Timestamp(first), "-", Timestamp(second):
            return Interval(first - second)
        case _:
            return None


def _whole(length: float) -> int:
    if not math.isfinite(length):
        raise ValueError("The time interval is not finite")
    return round(length)
