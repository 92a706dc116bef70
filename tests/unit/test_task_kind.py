"""Which tasks of a job are of one kind."""

import doctest

import pytest

from batchmgr.plan import task_kind
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.plan.task_kind import kind_of


def test_examples() -> None:
    assert doctest.testmod(task_kind).failed == 0


@pytest.mark.parametrize(
    ("task_id", "display_name", "kind"),
    [
        ("batchmgr-finalize", "", "batchmgr-finalize"),
        ("task-000017", "", "task"),
        ("chunk_12.3", "", "chunk"),
        ("2024-11-28", "", "task"),
        ("4", "merge all", "merge"),
        ("4", "12", "task"),
        ("align-12", "  ", "align"),
        ("a-٣", "", "a-٣"),
    ],
)
def test_the_kind_is_the_name_without_numbers(task_id: str, display_name: str, kind: str) -> None:
    assert kind_of(task_id, display_name) == kind


def test_the_finalize_task_is_a_kind_of_its_own() -> None:
    assert kind_of(FINALIZE_TASK_ID) == FINALIZE_TASK_ID
