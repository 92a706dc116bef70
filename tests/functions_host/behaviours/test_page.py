"""The pages say what the tests show: no more, no less, and nothing else."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.functions_host.behaviours.behaviour import GROUPS, Behaviour, Here, Known
from tests.functions_host.behaviours.listed import Listed, listed_behaviours
from tests.functions_host.behaviours.page import (
    PAGE,
    SUMMARY_PAGE,
    all_behaviours,
    page,
    summary,
    with_summary,
)
from tests.functions_host.behaviours.recorded import recorded_behaviours
from tests.functions_host.exchanges.faults import FAULTS
from tests.functions_host.exchanges.recording import exchanges, sequences
from tests.functions_host.recordings.rounds import RECORDINGS

TESTS = Path(__file__).parents[1]
LISTED = list(listed_behaviours())


def test_the_pages_are_as_make_behaviours_writes_them() -> None:
    behaviours = all_behaviours()
    assert PAGE.read_text() == page(behaviours), "run: make behaviours"
    text = SUMMARY_PAGE.read_text()
    assert text == with_summary(text, summary(behaviours)), "run: make behaviours"


def test_every_recording_is_on_the_page_once() -> None:
    names = [*(path.stem for path in RECORDINGS.glob("*.json")), *exchanges(), *sequences()]
    assert Counter(one.name for one in recorded_behaviours()) == Counter(names)


def test_every_recorded_sequence_is_replayed() -> None:
    tests = "".join(path.read_text() for path in (TESTS / "exchanges").glob("test_*.py"))
    assert [name for name in sequences() if name not in FAULTS and f'"{name}"' not in tests] == []


def test_every_behaviour_has_a_group_and_a_reason_if_it_differs() -> None:
    for one in all_behaviours():
        assert one.group in GROUPS
        assert bool(one.reason) == (one.here is not Here.SAME), one
    assert {one.group for one in all_behaviours()} == set(GROUPS)


def test_nothing_is_listed_twice() -> None:
    assert [what for what, times in Counter(one.behaviour.what for one in LISTED).items() if times > 1] == []


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the tests in a module."""
    tree = ast.walk(ast.parse(path.read_text()))
    functions = [node for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("listed", LISTED, ids=lambda one: one.behaviour.what)
def test_what_is_the_same_has_a_test_and_what_was_read_a_source(listed: Listed) -> None:
    assert bool(listed.test) != (listed.behaviour.here is Here.DIFFERENT)
    assert bool(listed.behaviour.source) == (listed.behaviour.known is not Known.ASSUMED)
    if listed.test:
        module, name = listed.test.split("::")
        assert name in names_of_tests(TESTS / module), listed.test


def test_a_difference_by_chance_is_not_counted_as_one() -> None:
    one = Behaviour(
        group="Queues", what="a | b", known=Known.RECORDED, source="x", here=Here.CHANCE, reason="Luck."
    )
    assert re.search(r"^\| all \| 1 \| 0 \| 0 \| 1 \| 0 \|$", summary([one]), re.MULTILINE)
    assert "| a \\| b | recorded: x | the same, but for chance |" in page([one])


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place"):
        with_summary("# A page\n", "| a |")
