"""The values of a sweep's parameters: ranges and combinations. Decimals are exact: 0.1, 0.2, 0.3.

Everything is counted before it is built: a message of 100 bytes can ask for any number of values.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import A_TRILLION, check_task_count

_DIGITS = 15
_EXACT = Context(prec=3 * _DIGITS)


MAX_VALUES = 1_000_000
"""How many values all tasks of a sweep may have together: its tasks, times its parameters."""


def range_values(start: Decimal, end: Decimal, step: Decimal, *, field: str) -> tuple[str, ...]:
    """Return the numbers from `start` to `end`, in steps of `step`, in decimal notation.

    `end` is included if a step meets it. Raise InvalidJobError if the range is empty or too long.
    """
    count = count_range(start, end, step, field=field)
    return tuple(_text(_EXACT.add(start, _EXACT.multiply(step, Decimal(n)))) for n in range(count))


def count_range(start: Decimal, end: Decimal, step: Decimal, *, field: str) -> int:
    """Return how many numbers a range has. Raise InvalidJobError if it is empty or too long."""
    for name, number in (("start", start), ("end", end), ("step", step)):
        if not _is_exact(number):
            raise InvalidJobError(
                f"must have at most {_DIGITS} digits before and {_DIGITS} after the decimal point",
                field=f"{field}.{name}",
            )
    if not step:
        raise InvalidJobError("must not be 0", field=f"{field}.step")
    count = int(_EXACT.divide_int(_EXACT.subtract(end, start), step)) + 1
    if (end - start) * step < 0:
        raise InvalidJobError(
            f"is empty: there is no number from {start} to {end} in steps of {step}; change the sign of step",
            field=field,
        )
    check_task_count(count, field=field)
    return count


def check_combinations(lengths: Mapping[str, int], *, is_product: bool, field: str) -> None:
    """Raise InvalidJobError if parameters with so many values each would make too many rows, or no zip."""
    if not is_product and len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InvalidJobError(
            f"zip needs the same number of values for all parameters: {counts}", field=field
        )
    rows = _product(lengths.values()) if is_product else max(lengths.values())
    check_task_count(rows, field=field)
    if rows * len(lengths) > MAX_VALUES:
        raise InvalidJobError(
            f"{rows:,} tasks with {len(lengths):,} parameters would have {rows * len(lengths):,} values; a "
            f"job can have {MAX_VALUES:,} at most: split it into several jobs",
            field=field,
        )


def _product(lengths: Iterable[int]) -> int:
    """Return the product, or more than a trillion: the product of thousands of factors takes minutes."""
    rows = 1
    for length in lengths:
        rows *= length
        if rows > A_TRILLION:
            break
    return rows


def _is_exact(number: Decimal) -> bool:
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and number.adjusted() < _DIGITS


def _text(number: Decimal) -> str:
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"
