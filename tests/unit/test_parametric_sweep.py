"""The tasks of a parametricSweep factory."""

from collections.abc import Sequence
from typing import Any

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import MAX_TASKS
from batchmgr.factories.parametric_sweep import sweep_tasks
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.factory_message import ParametricSweep
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.json_codec import encode
from tests.unit.factory_message import ECHO, factory_message


def sweep(parameters: dict[str, Any], repeat: dict[str, Any] = ECHO, **more: Any) -> Sequence[TaskPlan]:
    factory = {"type": "parametricSweep", "parameters": parameters, "repeatTask": repeat, **more}
    found = factory_message(factory).task_factory
    assert isinstance(found, ParametricSweep)
    return sweep_tasks("job-1", found)


def test_a_sweep_fills_in_every_text_that_may_hold_placeholders() -> None:
    repeat = {
        "commandLine": "solver --alpha={alpha} {1} {0:3}",
        "displayName": "{alpha} on {mesh}",
        "environment": {"ALPHA": "{0}", "BRACES": "{{}}"},
        "inputFiles": [
            {"containerName": "meshes", "sourceBlobPath": "in/{mesh}.msh", "targetFilePath": "{mesh}.msh"},
            {"httpUrl": "https://host/{alpha}?x=y", "targetFilePath": "a"},
        ],
        "outputFiles": [{"sourceFilePath": "{mesh}.out", "targetBlobPath": "out/{alpha}/{mesh}"}],
        "maxTaskRetryCount": 2,
    }
    tasks = sweep({"alpha": {"start": 0.1, "end": 0.2, "step": 0.1}, "mesh": {"values": ["a b", 2]}}, repeat)
    assert [task.id for task in tasks] == ["1", "2", "3", "4"]
    first = tasks[0]
    assert first.command_line == "solver --alpha=0.1 'a b' 0.1"
    assert first.display_name == "0.1 on a b"
    assert first.environment == {"ALPHA": "0.1", "BRACES": "{}"}
    assert [file.source_blob_path for file in first.input_files] == ["in/a b.msh", ""]
    assert [file.target_file_path for file in first.input_files] == ["a b.msh", "a"]
    assert first.input_files[1].http_url == "https://host/0.1?x=y"
    assert first.output_files[0].source_file_path == "a b.out"
    assert first.output_files[0].target_blob_path == "out/0.1/a b"
    assert first.max_task_retry_count == 2
    assert tasks[3].command_line == "solver --alpha=0.2 2 0.2"


def test_the_numbers_of_a_range_are_exact_decimals() -> None:
    body = b'{"taskFactory": {"type": "parametricSweep", "repeatTask": {"commandLine": "echo {x}"}, '
    body += b'"parameters": {"x": {"start": 0.12345678901234, "end": 0.12345678901236, "step": 1e-14}}}}'
    decoded = decode_job(body)
    for once in (decoded, decode_job(encode(decoded))):
        assert isinstance(once.task_factory, ParametricSweep)
        commands = [task.command_line for task in sweep_tasks("job-1", once.task_factory)]
        assert commands == [f"echo 0.1234567890123{n}" for n in (4, 5, 6)]


def test_the_order_of_parameters_changes_the_digest_of_the_job() -> None:
    x, y = {"values": ["x"]}, {"values": ["y"]}
    factory = {"type": "parametricSweep", "repeatTask": ECHO}
    one = factory_message({**factory, "parameters": {"a": x, "b": y}})
    other = factory_message({**factory, "parameters": {"b": y, "a": x}})
    assert one.digest != other.digest
    assert one.digest == decode_job(encode(one)).digest


def test_the_merge_task_depends_on_all_tasks_and_has_no_placeholders() -> None:
    *tasks, merge = sweep(
        {"x": {"start": 1, "end": 3}}, mergeTask={"commandLine": "/bin/sh -c 'cat {0} ${X}'"}
    )
    assert [task.depends_on for task in tasks] == [(), (), ()]
    assert (merge.id, merge.depends_on) == ("merge", ("1", "2", "3"))
    assert merge.command_line == "/bin/sh -c 'cat {0} ${X}'"


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ({}, "", "must hold a parameter"),
        ({"x": {}}, ".x", "give values, or start and end"),
        ({"x": {"start": 1}}, ".x", "give values, or start and end"),
        ({"x": {"values": [1], "step": 1}}, ".x", "give either values, or start and end"),
        ({"x": {"values": []}}, ".x.values", "the job would have no tasks"),
        ({"x": {"values": ["a", "b\0"]}}, ".x.values[1]", "NUL"),
        ({"0": {"values": [1]}}, ".0", "begins with a letter"),
        ({"a b": {"values": [1]}}, ".a b", "begins with a letter"),
        ({"x": {"start": 2, "end": 1}}, ".x", "there is no number from 2 to 1"),
        ({"x": {"start": 1, "end": MAX_TASKS}, "y": {"values": [1, 2]}}, "", "split it into several jobs"),
    ],
)
def test_invalid_parameters_are_rejected_with_their_field(
    parameters: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidJobError, match=reason) as caught:
        sweep(parameters)
    assert caught.value.field == f"taskFactory.parameters{field}"


def test_tasks_that_would_overwrite_each_others_output_are_rejected() -> None:
    output = {"sourceFilePath": "out.txt", "targetBlobPath": "out/{a}.txt"}
    parameters = {"a": {"values": [1, 2]}, "b": {"values": [1, 2]}}
    with pytest.raises(
        InvalidJobError, match=r"tasks 1 and 2 would write the same blob, 'out/1\.txt'"
    ) as caught:
        sweep(parameters, {**ECHO, "outputFiles": [output]})
    assert caught.value.field == "taskFactory.repeatTask.outputFiles[0].targetBlobPath"
    assert len(sweep(parameters, {**ECHO, "outputFiles": [{**output, "sourceFilePath": "*.txt"}]})) == 4
