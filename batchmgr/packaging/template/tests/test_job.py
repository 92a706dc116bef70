"""Tests a whole job: its plan, its tasks one after the other, and their result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batchmgr import InvalidInputError, InvalidJobError, JobContext, TaskContext, TaskSpecification

from my_workload.tasks import (
    COUNTS_FILE,
    TEXT_FILE,
    WORDS_FILE,
    CountWordsTask,
    MergeCountsTask,
)
from my_workload.workload import (
    MyWorkload,
)


def plan(**inputs: Any) -> list[TaskSpecification]:
    return list(MyWorkload().plan(JobContext(job_id="test-1", inputs=inputs)).tasks)


def context(directory: Path) -> TaskContext:
    return TaskContext(job_id="test-1", task_id="1", working_directory=directory)


def test_a_job_has_a_task_for_each_chunk() -> None:
    tasks = plan(text="texts/poem.txt", chunks=3)
    assert [task.inputs for task in tasks] == [{"chunk": chunk, "chunks": 3} for chunk in (1, 2, 3)]
    assert {file.source_blob_path for task in tasks for file in task.input_files} == {"poem.txt"}


@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_the_result_is_the_same_in_any_number_of_chunks(tmp_path: Path, chunks: int) -> None:
    (tmp_path / "counts").mkdir()
    for task in plan(text="texts/poem.txt", chunks=chunks):
        directory = tmp_path / task.id
        directory.mkdir()
        (directory / TEXT_FILE).write_text("to be\nor not\nto be\n", encoding="utf-8")
        CountWordsTask(task.inputs, context(directory)).run()
        # As Azure Batch does, make one task's output file the input file of another.
        (directory / COUNTS_FILE).rename(tmp_path / "counts" / f"{task.id}.json")
    MergeCountsTask({}, context(tmp_path)).run()
    assert (tmp_path / WORDS_FILE).read_text() == "word\tcount\nbe\t2\nto\t2\nnot\t1\nor\t1\n"


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({}, "inputs.text"),
        ({"text": "poem.txt"}, "inputs.text"),
        ({"text": "a/b", "chunks": 0}, "inputs.chunks"),
    ],
)
def test_wrong_inputs_are_refused_by_name(inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        plan(**inputs)
    assert caught.value.field == field


def test_a_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / TEXT_FILE).write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        CountWordsTask({"chunk": 1, "chunks": 1}, context(tmp_path)).run()


def test_nothing_counted_is_nothing_to_merge(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing to merge"):
        MergeCountsTask({}, context(tmp_path)).run()
