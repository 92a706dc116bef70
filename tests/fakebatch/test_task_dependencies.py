"""Tasks that depend on others."""

from collections.abc import Iterable
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.failure_info import FailureInfo
from fakebatch.model.exit_conditions import Consequence, consequence
from fakebatch.model.run_result import RunResult, ended, exited, failed_before_command
from fakebatch.model.task_dependencies import TaskDependencies
from tests.fakebatch.driving import add_job, add_task, task_in_state
from tests.fakebatch.driving import ended as ended_task

_STOP = Consequence(job_action="terminate", satisfies=False)
_GO = Consequence(job_action="none", satisfies=True)
_UPLOAD_FAILED = RunResult(exit_code=0, failure=FailureInfo("FileUploadMiscError", ""), stage="upload")
_UNPREPARED = failed_before_command(FailureInfo("BlobNotFound", ""))


def _on(*task_ids: str) -> models.BatchTaskDependencies:
    return models.BatchTaskDependencies(task_ids=list(task_ids))


async def _add_job(batch: BatchClient, **options: Any) -> None:
    await add_job(batch, uses_task_dependencies=True, **options)


async def _states(batch: BatchClient) -> dict[str, str]:
    return {task.id: str(getattr(task.state, "value", task.state)) async for task in batch.list_tasks("job")}


async def test_a_task_waits_for_all_it_depends_on(batch: BatchClient) -> None:
    await _add_job(batch)
    await add_task(batch, "last", depends_on=_on("a", "B"))
    await add_task(batch, "a")
    await ended_task(batch, "a")
    assert (await batch.get_task("job", "last")).state == "active"
    await add_task(batch, "b")
    last, b = await ended_task(batch, "last"), await ended_task(batch, "b")
    assert last.start_time is not None
    assert b.end_time is not None
    assert last.start_time >= b.end_time


async def test_a_range_stands_for_the_integer_ids_in_it(batch: BatchClient) -> None:
    await _add_job(batch)
    spans = [models.BatchTaskIdRange(start=2, end=4)]
    await add_task(batch, "last", depends_on=models.BatchTaskDependencies(task_id_ranges=spans))
    for task_id in ("1", "2", "3", "4x"):
        await add_task(batch, task_id)
        await ended_task(batch, task_id)
    assert (await batch.get_task("job", "last")).state == "active"
    await add_task(batch, "4")
    assert (await ended_task(batch, "last")).exit_code == 0


async def test_the_first_task_with_a_number_satisfies_a_range_whatever_its_leading_zeros(
    batch: BatchClient,
) -> None:
    await _add_job(batch)
    spans = [models.BatchTaskIdRange(start=3, end=4)]
    await add_task(batch, "by-range", depends_on=models.BatchTaskDependencies(task_id_ranges=spans))
    await add_task(batch, "by-name", depends_on=_on("4"))
    for task_id in ("03", "003", "0004"):
        await add_task(batch, task_id)
        await ended_task(batch, task_id)
    assert (await ended_task(batch, "by-range")).exit_code == 0
    assert (await batch.get_task("job", "by-name")).state == "active"
    await add_task(batch, "4")
    assert (await ended_task(batch, "by-name")).exit_code == 0


async def test_a_failed_task_blocks_its_dependents_unless_it_says_otherwise(batch: BatchClient) -> None:
    await _add_job(batch)
    let_go = models.ExitConditions(default=models.ExitOptions(dependency_action="satisfy"))
    await add_task(batch, "lenient", "false", exit_conditions=let_go)
    await add_task(batch, "strict", "false")
    await add_task(batch, "after-lenient", depends_on=_on("lenient"))
    await add_task(batch, "after-strict", depends_on=_on("strict"))
    await task_in_state(batch, "after-lenient")
    await task_in_state(batch, "strict")
    assert (await _states(batch))["after-strict"] == "active"


async def test_a_reactivated_task_can_still_let_its_dependents_go(batch: BatchClient) -> None:
    await _add_job(batch, pool_id="one")
    await add_task(batch, "flaky", "/bin/sh -c 'test -e ran || { touch ran; exit 1; }'")
    await add_task(batch, "after", depends_on=_on("flaky"))
    assert (await ended_task(batch, "flaky")).exit_code == 1
    await batch.reactivate_task("job", "flaky")
    assert (await ended_task(batch, "after")).exit_code == 0


@pytest.mark.parametrize(
    ("conditions", "outcome", "expected"),
    [
        ({}, exited(0), _GO),
        ({}, exited(1), _STOP),
        ({}, ended(), _STOP),
        ({}, _UNPREPARED, _STOP),
        ({}, _UPLOAD_FAILED, _STOP),
        (
            {"default": {"dependencyAction": "satisfy"}},
            exited(1),
            Consequence(job_action="terminate", satisfies=True),
        ),
        ({"default": {"jobAction": "disable"}}, exited(0), _GO),
        (
            {"exitCodes": [{"code": 3, "exitOptions": {"jobAction": "none"}}]},
            exited(3),
            Consequence(job_action="none", satisfies=False),
        ),
        (
            {
                "exitCodes": [{"code": 3, "exitOptions": {"dependencyAction": "satisfy"}}],
                "exitCodeRanges": [{"start": 2, "end": 4, "exitOptions": {"dependencyAction": "block"}}],
                "default": {"dependencyAction": "block"},
            },
            exited(3),
            Consequence(job_action="terminate", satisfies=True),
        ),
        (
            {"exitCodeRanges": [{"start": 0, "end": 4, "exitOptions": {"dependencyAction": "block"}}]},
            exited(0),
            Consequence(job_action="none", satisfies=False),
        ),
        (
            {"fileUploadError": {"dependencyAction": "satisfy"}, "default": {}},
            _UPLOAD_FAILED,
            Consequence(job_action="terminate", satisfies=True),
        ),
        (
            {
                "exitCodes": [{"code": 0, "exitOptions": {"dependencyAction": "block"}}],
                "fileUploadError": {"dependencyAction": "satisfy"},
            },
            _UPLOAD_FAILED,
            _STOP,
        ),
        (
            {"preProcessingError": {"dependencyAction": "satisfy"}},
            _UNPREPARED,
            Consequence(job_action="terminate", satisfies=True),
        ),
        ({"default": {"jobAction": "none"}}, _UNPREPARED, Consequence(job_action="none", satisfies=False)),
    ],
)
def test_exit_conditions_are_looked_up_by_code_then_stage_then_default(
    conditions: dict[str, object], outcome: RunResult, expected: Consequence
) -> None:
    assert consequence(conditions, outcome) == expected


@given(
    waiting=st.dictionaries(
        st.sampled_from(["x", "y", "z"]),
        st.tuples(st.lists(st.integers(0, 8)), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)))),
    ),
    before=st.permutations(range(9)),
    after=st.permutations(range(12)),
    early=st.integers(0, 9),
)
def test_a_task_is_released_exactly_when_its_last_dependency_is_satisfied(
    waiting: dict[str, tuple[list[int], list[tuple[int, int]]]],
    before: list[int],
    after: list[int],
    early: int,
) -> None:
    graph, satisfied = TaskDependencies(), set(before[:early])
    for number in before[:early]:
        assert graph.satisfy(str(number)) == []
    needed: dict[str, set[int]] = {}
    for task, (ids, spans) in waiting.items():
        ranges = [{"start": start, "end": start + length} for start, length in spans]
        graph.add(task, {"taskIds": [str(number) for number in ids], "taskIdRanges": ranges})
        needed[task] = set(ids) | _members(ranges)
        assert graph.is_waiting(task) == bool(needed[task] - satisfied)
    for number in after:
        expected = {task for task, all_of in needed.items() if all_of - satisfied == {number}}
        assert set(graph.satisfy(str(number))) == expected
        satisfied.add(number)
    assert not any(graph.is_waiting(task) for task in needed)


@given(
    spans=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=3),
    ended=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), max_size=30),
)
def test_leading_zeros_do_not_count_in_ranges(
    spans: list[tuple[int, int]], ended: list[tuple[int, int]]
) -> None:
    ranges = [{"start": start, "end": start + length} for start, length in spans]
    graph, missing = TaskDependencies(), _members(ranges)
    graph.add("x", {"taskIdRanges": ranges})
    for number, zeros in ended:
        released = graph.satisfy("0" * zeros + str(number))
        was_last = missing == {number}
        missing.discard(number)
        assert released == (["x"] if was_last else [])
        assert graph.is_waiting("x") == bool(missing)


def _members(ranges: Iterable[dict[str, int]]) -> set[int]:
    return {number for span in ranges for number in range(span["start"], span["end"] + 1)}
