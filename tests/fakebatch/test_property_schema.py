"""Bodies are read in the same way whatever the order of their properties is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.bodies.property_schema import ObjectSchema, integer, list_of, optional, required, string
from fakebatch.errors import BatchError

_SCHEMA = ObjectSchema(
    id=required(string),
    name=string,
    slots=optional(integer(1), 1),
    mode=optional(string, "none"),
    parts=list_of(ObjectSchema(key=required(string), value=string)),
)
_ORDER = ["id", "name", "slots", "mode", "parts"]
_GIVEN: dict[str, Any] = {
    "id": "a",
    "name": "b",
    "slots": 2,
    "mode": "c",
    "parts": [{"value": "d", "key": "e"}],
}


@given(
    names=st.permutations(["name", "slots", "mode", "parts", "id"]),
    left_out=st.sets(st.sampled_from(["name", "slots", "mode", "parts"])),
    nulls=st.booleans(),
)
def test_the_order_of_properties_and_nulls_make_no_difference(
    names: list[str], left_out: set[str], nulls: bool
) -> None:
    body = {
        name: None if name in left_out else _GIVEN[name] for name in names if nulls or name not in left_out
    }
    stored = _SCHEMA(body)
    expected = {"slots": 1, "mode": "none"} | {
        name: value for name, value in _GIVEN.items() if name not in left_out
    }
    assert stored == expected
    assert list(stored) == [name for name in _ORDER if name in expected]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "b"}, "MissingRequiredProperty"),
        ({"id": None}, "MissingRequiredProperty"),
        ({"id": "a", "color": "red"}, "InvalidRequestBody"),
        ({"id": 1}, "InvalidRequestBody"),
        ({"id": "a", "slots": "2"}, "InvalidRequestBody"),
        ({"id": "a", "slots": 0}, "InvalidPropertyValue"),
        ({"id": "a", "parts": [{"key": "k"}, {"value": "v"}]}, "MissingRequiredProperty"),
        ([], "InvalidRequestBody"),
    ],
)
def test_what_is_wrong_is_told_each_time(body: Any, code: str) -> None:
    for _ in range(2):
        with pytest.raises(BatchError) as caught:
            _SCHEMA(body)
        assert caught.value.code == code


def test_what_is_stored_does_not_change_what_is_filled_in_elsewhere() -> None:
    _SCHEMA({"id": "a"})["slots"] = 5
    assert _SCHEMA({"id": "b"})["slots"] == 1
