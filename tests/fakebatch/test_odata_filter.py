"""The `$filter` language."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.errors import BatchError
from fakebatch.wire import timestamps
from fakebatch.wire.odata_filter import Field, compile_filter


@dataclass(frozen=True)
class _Item:
    name: str
    code: int | None
    at: int
    on: bool


_FIELDS: dict[str, Field[_Item]] = {
    "id": Field("text", lambda item: item.name),
    "executionInfo/exitCode": Field("number", lambda item: item.code),
    "stateTransitionTime": Field("time", lambda item: item.at),
    "enableAutoScale": Field("boolean", lambda item: item.on),
}
_ITEMS = st.builds(
    _Item,
    name=st.text(alphabet="abc-_'", max_size=6),
    code=st.none() | st.integers(-3, 3),
    at=st.integers(timestamps.from_iso("2026-01-01T00:00:00Z"), timestamps.from_iso("2026-01-01T00:00:01Z")),
    on=st.booleans(),
)
_COMPARE = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def _holds(filter_text: str, item: _Item) -> bool:
    return compile_filter(filter_text, _FIELDS)(item)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@given(item=_ITEMS, text=st.text(alphabet="abc-_'", max_size=3), name=st.sampled_from(sorted(_COMPARE)))
def test_strings_compare_by_their_characters(item: _Item, text: str, name: str) -> None:
    expected = eval(f"left {_COMPARE[name]} right", {"left": item.name, "right": text})
    assert _holds(f"id {name} {_quoted(text)}", item) == expected


@given(item=_ITEMS, number=st.integers(-3, 3), name=st.sampled_from(sorted(_COMPARE)))
def test_numbers_compare_by_value_and_an_absent_one_only_differs(item: _Item, number: int, name: str) -> None:
    expected = (
        name == "ne"
        if item.code is None
        else eval(f"left {_COMPARE[name]} right", {"left": item.code, "right": number})
    )
    assert _holds(f"executionInfo/exitCode {name} {number}", item) == expected


@given(item=_ITEMS, at=st.integers(0, 10_000_000))
def test_times_compare_to_a_tenth_of_a_microsecond(item: _Item, at: int) -> None:
    moment = timestamps.from_iso("2026-01-01T00:00:00Z") + at
    text = f"stateTransitionTime ge DateTime'{timestamps.to_iso(moment)}'"
    assert _holds(text, item) == (item.at >= moment)


@given(item=_ITEMS, text=st.text(alphabet="abc-_'", max_size=3))
def test_startswith_looks_at_the_beginning(item: _Item, text: str) -> None:
    assert _holds(f"startswith(id,{_quoted(text)})", item) == item.name.startswith(text)


@st.composite
def _trees(draw: st.DrawFn, depth: int = 3) -> tuple[str, str]:
    """A filter, and the Python expression for an item `i` that means the same."""
    leaf = draw(st.sampled_from(["id eq 'a'", "executionInfo/exitCode ge 1", "enableAutoScale eq true"]))
    python = {
        "id eq 'a'": "(i.name == 'a')",
        "executionInfo/exitCode ge 1": "(i.code is not None and i.code >= 1)",
        "enableAutoScale eq true": "i.on",
    }[leaf]
    if depth == 0 or draw(st.booleans()):
        return leaf, python
    left, left_python = draw(_trees(depth=depth - 1))
    right, right_python = draw(_trees(depth=depth - 1))
    kind = draw(st.sampled_from(["and", "or", "not", "group"]))
    if kind == "not":
        return f"not ({left})", f"(not ({left_python}))"
    if kind == "group":
        return f"({left})", f"({left_python})"
    return f"{left} {kind} {right}", f"{left_python} {kind} {right_python}"


@given(item=_ITEMS, tree=_trees())
def test_logic_binds_as_in_python(item: _Item, tree: tuple[str, str]) -> None:
    text, python = tree
    assert _holds(text, item) == bool(eval(python, {"i": item}))


@pytest.mark.parametrize(
    "text",
    [
        "nope eq 'x'",
        "ID eq 'x'",
        "id EQ 'x'",
        "id like 'x'",
        "id eq",
        "id eq 'x",
        "id eq 3",
        "(id eq 'x'",
        "id eq 'x')",
        "id eq 'x' and",
        "startswith(id)",
        "startswith(executionInfo/exitCode,'1')",
        "stateTransitionTime gt '2026-01-01T00:00:00Z'",
        "stateTransitionTime gt DateTime'yesterday'",
        "enableAutoScale eq 'true'",
        "id eq 'x' #",
        "'x' eq id",
    ],
)
def test_what_the_language_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(BatchError) as refusal:
        compile_filter(text, _FIELDS)
    assert refusal.value.status == 400
    assert refusal.value.values["QueryParameterName"] == "$filter"


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        predicate: Any = compile_filter(text, _FIELDS)
    except BatchError:
        return
    assert predicate(_Item("a", None, 0, True)) in (True, False)
