"""From task factories to tasks."""

import json
from typing import Any

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import SourceBlob, file_tasks, sweep_tasks
from batchmgr.factories.sweep_values import MAX_TASKS
from batchmgr.steps.check_message import check_message, message_problems
from batchmgr.wire.factory_message import ParametricSweep, TaskPerFile
from batchmgr.wire.job_message import JobMessage, decode_job, encode
from batchmgr.wire.task_message import InputFileMessage, TaskMessage

ECHO = {"commandLine": "echo {0}"}


def message(factory: dict[str, Any]) -> JobMessage:
    return decode_job(json.dumps({"taskFactory": factory}).encode())


def sweep(parameters: dict[str, Any], repeat: dict[str, Any] = ECHO, **more: Any) -> tuple[TaskMessage, ...]:
    factory = {"type": "parametricSweep", "parameters": parameters, "repeatTask": repeat, **more}
    found = message(factory).task_factory
    assert isinstance(found, ParametricSweep)
    return sweep_tasks(found)


def per_file(*names: str, repeat: dict[str, Any] = ECHO, **more: Any) -> tuple[TaskMessage, ...]:
    source = {"containerName": "photos", "identityReference": "/id/1"}
    found = message({"type": "taskPerFile", "source": source, "repeatTask": repeat, **more}).task_factory
    assert isinstance(found, TaskPerFile)
    return file_tasks(found, [SourceBlob(name=name, url=f"https://a/photos/{name}") for name in names])


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


def test_decimals_of_a_range_are_those_that_were_written() -> None:
    body = b'{"taskFactory": {"type": "parametricSweep", "repeatTask": {"commandLine": "echo {x}"}, '
    body += b'"parameters": {"x": {"start": 0.12345678901234, "end": 0.12345678901236, "step": 1e-14}}}}'
    decoded = decode_job(body)
    for once in (decoded, decode_job(encode(decoded))):
        assert isinstance(once.task_factory, ParametricSweep)
        commands = [task.command_line for task in sweep_tasks(once.task_factory)]
        assert commands == [f"echo 0.1234567890123{n}" for n in (4, 5, 6)]


def test_the_order_of_parameters_is_part_of_what_the_job_is() -> None:
    x, y = {"values": ["x"]}, {"values": ["y"]}
    factory = {"type": "parametricSweep", "repeatTask": ECHO}
    one = message({**factory, "parameters": {"a": x, "b": y}})
    other = message({**factory, "parameters": {"b": y, "a": x}})
    assert one.digest != other.digest
    assert one.digest == decode_job(encode(one)).digest


def test_the_merge_task_waits_for_all_and_is_taken_as_it_is() -> None:
    *tasks, merge = sweep(
        {"x": {"start": 1, "end": 3}}, mergeTask={"commandLine": "/bin/sh -c 'cat {0} ${X}'"}
    )
    assert [task.depends_on for task in tasks] == [(), (), ()]
    assert (merge.id, merge.depends_on) == ("merge", ("1", "2", "3"))
    assert merge.command_line == "/bin/sh -c 'cat {0} ${X}'"


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ({}, "", "name a parameter"),
        ({"x": {}}, ".x", "give values, or start and end"),
        ({"x": {"start": 1}}, ".x", "give values, or start and end"),
        ({"x": {"values": [1], "step": 1}}, ".x", "give either values, or start and end"),
        ({"x": {"values": []}}, ".x.values", "the job would have no tasks"),
        ({"x": {"values": ["a", "b\0"]}}, ".x.values[1]", "NUL"),
        ({"0": {"values": [1]}}, ".0", "begins with a letter"),
        ({"a b": {"values": [1]}}, ".a b", "begins with a letter"),
        ({"x": {"start": 2, "end": 1}}, ".x", "there is nothing from 2 to 1"),
        ({"x": {"start": 1, "end": MAX_TASKS}, "y": {"values": [1, 2]}}, "", "make several jobs"),
    ],
)
def test_parameters_that_make_no_job_are_named(parameters: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidJobError, match=reason) as caught:
        sweep(parameters)
    assert caught.value.field == f"taskFactory.parameters{field}"


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        ({}, "taskFactory.type"),
        ({"type": "sweep"}, "taskFactory.type"),
        ({"type": "parametricSweep", "repeatTask": ECHO}, "taskFactory.parameters"),
        ({"type": "taskPerFile", "repeatTask": ECHO}, "taskFactory.source"),
        ({"type": "taskPerFile", "source": {"containerName": "abc"}}, "taskFactory.repeatTask"),
        (
            {"type": "taskPerFile", "source": {"containerName": "abc"}, "repeatTask": {**ECHO, "id": "1"}},
            "taskFactory.repeatTask.id",
        ),
    ],
)
def test_a_factory_that_cannot_be_decoded_names_the_field(factory: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        message(factory)
    assert caught.value.field == field


def test_every_mistake_in_a_factory_is_found() -> None:
    repeat = {
        "commandLine": "echo {y}",
        "displayName": "{",
        "environment": {"AZ_BATCH_X": "{z}"},
        "outputFiles": [{"sourceFilePath": "{a}"}],
        "maxWallClockTime": "PT0S",
    }
    factory = {
        "type": "parametricSweep",
        "parameters": {"x": {"values": []}},
        "repeatTask": repeat,
        "mergeTask": {"commandLine": " "},
    }
    fields = [problem.field.removeprefix("taskFactory.") for problem in message_problems(message(factory))]
    assert fields == [
        "parameters.x.values",
        "repeatTask.environment.AZ_BATCH_X",
        "repeatTask.maxWallClockTime",
        "repeatTask.commandLine",
        "repeatTask.displayName",
        "repeatTask.environment.AZ_BATCH_X",
        "repeatTask.outputFiles[0].sourceFilePath",
        "mergeTask.commandLine",
    ]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"containerName": "No Container"}, "taskFactory.source.containerName"),
        ({"containerName": "abc", "storageAccountName": "x/y"}, "taskFactory.source.storageAccountName"),
    ],
)
def test_a_source_that_cannot_be_is_refused_before_it_is_looked_into(
    source: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidJobError) as caught:
        check_message(message({"type": "taskPerFile", "source": source, "repeatTask": ECHO}))
    assert caught.value.field == field


def test_a_blob_is_an_input_file_of_its_task_under_its_own_name() -> None:
    script = {"containerName": "tools", "sourceBlobPath": "run.awk", "targetFilePath": "run.awk"}
    repeat = {"commandLine": "awk -f run.awk {name} {fileName} {stem} {url}", "inputFiles": [script]}
    (task,) = per_file("2024/a;b.tar.gz", repeat=repeat)
    expected = "awk -f run.awk '2024/a;b.tar.gz' 'a;b.tar.gz' 'a;b.tar' 'https://a/photos/2024/a;b.tar.gz'"
    assert task.command_line == expected
    assert [file.source_blob_path for file in task.input_files] == ["run.awk", "2024/a;b.tar.gz"]
    assert task.input_files[1] == InputFileMessage(
        container_name="photos",
        source_blob_path="2024/a;b.tar.gz",
        target_file_path="2024/a;b.tar.gz",
        identity_reference="/id/1",
    )


@pytest.mark.parametrize(
    "where", [{"httpUrl": "{url}"}, {"containerName": "photos", "sourceBlobPath": "{name}"}]
)
def test_a_blob_goes_where_the_template_puts_it(where: dict[str, str]) -> None:
    repeat = {"commandLine": "wc in.txt", "inputFiles": [{**where, "targetFilePath": "in.txt"}]}
    (task,) = per_file("a/b.txt", repeat=repeat)
    (file,) = task.input_files
    assert (file.container_name, file.source_blob_path, file.target_file_path) == (
        "photos",
        "a/b.txt",
        "in.txt",
    )
    assert file.http_url == ""


@pytest.mark.parametrize("name", ["a", ".profile", "x/noext", "a.b/c"])
def test_a_name_without_an_extension_is_its_own_stem(name: str) -> None:
    (task,) = per_file(name, repeat={"commandLine": "x {stem}"})
    assert task.command_line == f"x {name.rpartition('/')[2]}"


def test_braces_in_the_name_of_a_blob_are_no_placeholders() -> None:
    (task,) = per_file("{url}.txt", repeat={"commandLine": "x {0}", "environment": {"N": "{name}"}})
    assert task.command_line == "x '{url}.txt'"
    assert task.environment == {"N": "{url}.txt"}


def test_the_name_of_a_blob_brings_no_wildcard_into_an_output_pattern() -> None:
    repeat = {"commandLine": "x", "outputFiles": [{"sourceFilePath": "{stem}.out", "targetBlobPath": "o"}]}
    with pytest.raises(InvalidJobError, match=r"'\*' would be read as a pattern"):
        per_file("*.txt", repeat=repeat)


def test_tasks_that_would_write_over_each_others_files_are_refused() -> None:
    output = {"sourceFilePath": "out.txt", "targetBlobPath": "out/{a}.txt"}
    parameters = {"a": {"values": [1, 2]}, "b": {"values": [1, 2]}}
    with pytest.raises(
        InvalidJobError, match=r"tasks 1 and 2 would write the same blob, 'out/1\.txt'"
    ) as caught:
        sweep(parameters, {**ECHO, "outputFiles": [output]})
    assert caught.value.field == "taskFactory.repeatTask.outputFiles[0].targetBlobPath"
    assert len(sweep(parameters, {**ECHO, "outputFiles": [{**output, "sourceFilePath": "*.txt"}]})) == 4


def test_no_blob_at_all_is_no_job() -> None:
    with pytest.raises(InvalidJobError, match="there is no such blob") as caught:
        per_file()
    assert caught.value.field == "taskFactory.source"
