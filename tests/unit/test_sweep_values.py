"""The values of a sweep's parameters."""

import itertools
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import MAX_TASKS
from batchmgr.factories.sweep_rows import ProductRows, ZipRows
from batchmgr.factories.sweep_values import check_combinations, range_values


def values(start: str, end: str, step: str = "1") -> list[str]:
    return list(range_values(Decimal(start), Decimal(end), Decimal(step), field="x"))


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (("1", "3"), ["1", "2", "3"]),
        (("5", "10", "3"), ["5", "8"]),
        (("0", "0.3", "0.1"), ["0", "0.1", "0.2", "0.3"]),
        (("1", "2", "0.25"), ["1", "1.25", "1.5", "1.75", "2"]),
        (("3", "1", "-1"), ["3", "2", "1"]),
        (("-0.1", "0.1", "0.1"), ["-0.1", "0", "0.1"]),
        (("1E+3", "1.2E+3", "100"), ["1000", "1100", "1200"]),
        (("7", "7", "-5"), ["7"]),
        (("0", "1", "2"), ["0"]),
    ],
)
def test_a_range_includes_both_ends_and_is_exact(span: tuple[str, ...], expected: list[str]) -> None:
    assert values(*span) == expected


@pytest.mark.parametrize(
    ("span", "field", "reason"),
    [
        (("1", "2", "0"), "x.step", "must not be 0"),
        (("2", "1"), "x", "is empty: there is no number from 2 to 1 in steps of 1; change the sign of step"),
        (("1", "2", "-1"), "x", "is empty"),
        (("1", "1e14"), "x", f"a job can have {MAX_TASKS:,} at most: split it into several jobs"),
        (("1", "1e999999999"), "x.end", "at most 15 digits"),
        (("1e-999999999", "1"), "x.start", "at most 15 digits"),
        (("NaN", "1"), "x.start", "at most 15 digits"),
        (("1", "Infinity"), "x.end", "at most 15 digits"),
        (("0", "1", "1e-15"), "x", "a job can have 100,000 at most"),
    ],
)
def test_a_range_that_is_empty_or_too_long_is_rejected_at_once(
    span: tuple[str, ...], field: str, reason: str
) -> None:
    with pytest.raises(InvalidJobError, match=reason) as caught:
        values(*span)
    assert caught.value.field == field


@given(start=st.integers(-10_000, 10_000), count=st.integers(1, 200), step=st.integers(-999, 999))
def test_decimal_steps_never_drift(start: int, count: int, step: int) -> None:
    if step == 0:
        return
    numbers = [Decimal(start + step * n) / 1000 for n in range(count)]
    found = range_values(numbers[0], numbers[-1], Decimal(step) / 1000, field="x")
    assert [Decimal(text) for text in found] == numbers
    assert not any("E" in text or text.endswith(".") for text in found)


def rows(parameters: dict[str, list[str]], *, is_product: bool) -> list[tuple[str, ...]]:
    made = ProductRows(parameters) if is_product else ZipRows(parameters)
    assert len(made) == len(list(made))
    assert [made[place] for place in range(len(made))] == list(made) == list(made[:])
    return [tuple(row[name] for name in parameters) for row in made]


def test_a_product_changes_the_last_parameter_first_and_a_zip_pairs_values() -> None:
    parameters = {"a": ["1", "2"], "b": ["x", "y"]}
    assert rows(parameters, is_product=True) == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")]
    assert rows(parameters, is_product=False) == [("1", "x"), ("2", "y")]


def test_a_value_has_the_placeholders_of_its_index_and_of_its_name() -> None:
    assert ProductRows({"a": ["1"], "b": ["2"]})[0] == {"0": "1", "1": "2", "a": "1", "b": "2"}


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_the_rows_of_a_product_are_those_of_itertools(lengths: list[int]) -> None:
    parameters = {f"p{n}": [f"{n}.{value}" for value in range(length)] for n, length in enumerate(lengths)}
    expected = list(itertools.product(*parameters.values()))
    assert rows(parameters, is_product=True) == expected
    places = ProductRows(parameters).places_of([range(length) for length in lengths])
    assert places == list(range(len(expected)))


def test_a_zip_of_different_lengths_is_rejected_with_the_lengths() -> None:
    with pytest.raises(InvalidJobError, match="a has 1, b has 2"):
        check_combinations({"a": 1, "b": 2}, is_product=False, field="p")


def test_a_product_that_is_too_large_is_rejected_before_it_is_built() -> None:
    side = math.isqrt(MAX_TASKS) + 1
    with pytest.raises(InvalidJobError, match="split it into several jobs"):
        check_combinations({"a": side, "b": side, "c": side}, is_product=True, field="p")
    check_combinations({"a": MAX_TASKS}, is_product=True, field="p")
    for is_product in (True, False):
        with pytest.raises(InvalidJobError, match="split it into several jobs"):
            check_combinations({"a": MAX_TASKS + 1}, is_product=is_product, field="p")
