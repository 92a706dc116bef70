"""The values that the parameters of a sweep run through, as texts. Decimals are exact: 0.1, 0.2, 0.3."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal

from batchmgr.errors import InvalidJobError

MAX_TASKS = 100_000
"""The most tasks that a factory makes for one job."""

_DIGITS = 15
_EXACT = Context(prec=3 * _DIGITS)


def range_values(start: Decimal, end: Decimal, step: Decimal, *, field: str) -> tuple[str, ...]:
    """The numbers from `start` to `end`, both included if the steps meet the end, in decimal notation.

    Raises InvalidJobError for a range without numbers, or with too many of them.
    """
    for name, number in (("start", start), ("end", end), ("step", step)):
        if not _is_exact(number):
            raise InvalidJobError(
                f"must have at most {_DIGITS} digits before and after the point", field=f"{field}.{name}"
            )
    if not step:
        raise InvalidJobError("must not be 0", field=f"{field}.step")
    count = int(_EXACT.divide_int(_EXACT.subtract(end, start), step)) + 1
    if (end - start) * step < 0:
        raise InvalidJobError(f"there is nothing from {start} to {end} in steps of {step}", field=field)
    check_number(count, field=field)
    return tuple(_text(_EXACT.add(start, _EXACT.multiply(step, Decimal(n)))) for n in range(count))


def combinations(
    parameters: Mapping[str, Sequence[str]], *, is_product: bool, field: str
) -> Iterator[tuple[str, ...]]:
    """Each value with each, the last changing first; else the first of all, the second of all, and so on.

    Raises InvalidJobError where there are too many, or lists to go along are not of the same length.
    """
    lengths = {name: len(values) for name, values in parameters.items()}
    if not is_product and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InvalidJobError(f"zip needs as many values of each parameter; {told}", field=field)
    check_number(math.prod(lengths.values()) if is_product else max(lengths.values()), field=field)
    return itertools.product(*parameters.values()) if is_product else zip(*parameters.values(), strict=True)


def check_number(count: int, *, field: str) -> None:
    """Refuse more tasks than a job may have."""
    if count > MAX_TASKS:
        raise InvalidJobError(
            f"{count:,} tasks are more than a job may have ({MAX_TASKS:,}): make several jobs", field=field
        )


def _is_exact(number: Decimal) -> bool:
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and number.adjusted() < _DIGITS


def _text(number: Decimal) -> str:
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"
