"""The tasks of a taskPerFile factory."""

from collections.abc import Sequence
from typing import Any

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.factories.task_per_file import SourceBlob, file_tasks
from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.factory_message import TaskPerFile
from tests.unit.factory_message import ECHO, factory_message


def per_file(*names: str, repeat: dict[str, Any] = ECHO, **more: Any) -> Sequence[TaskPlan]:
    source = {"containerName": "photos", "identityReference": "/id/1"}
    found = factory_message(
        {"type": "taskPerFile", "source": source, "repeatTask": repeat, **more}
    ).task_factory
    assert isinstance(found, TaskPerFile)
    blobs = [SourceBlob(name=name, url=f"https://a/photos/{name}") for name in names]
    return file_tasks("job-1", found, blobs)


def test_a_blob_becomes_an_input_file_of_its_task_with_its_own_name() -> None:
    script = {"containerName": "tools", "sourceBlobPath": "run.awk", "targetFilePath": "run.awk"}
    repeat = {"commandLine": "awk -f run.awk {name} {fileName} {stem} {url}", "inputFiles": [script]}
    (task,) = per_file("2024/a;b.tar.gz", repeat=repeat)
    expected = "awk -f run.awk '2024/a;b.tar.gz' 'a;b.tar.gz' 'a;b.tar' 'https://a/photos/2024/a;b.tar.gz'"
    assert task.command_line == expected
    assert [file.source_blob_path for file in task.input_files] == ["run.awk", "2024/a;b.tar.gz"]
    assert task.input_files[1] == InputFileSpecification(
        container_name="photos",
        source_blob_path="2024/a;b.tar.gz",
        target_file_path="2024/a;b.tar.gz",
        identity_reference="/id/1",
    )


@pytest.mark.parametrize(
    "where", [{"httpUrl": "{url}"}, {"containerName": "photos", "sourceBlobPath": "{name}"}]
)
def test_the_template_can_say_where_the_blob_goes(where: dict[str, str]) -> None:
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


def test_braces_in_the_name_of_a_blob_are_not_placeholders() -> None:
    (task,) = per_file("{url}.txt", repeat={"commandLine": "x {0}", "environment": {"N": "{name}"}})
    assert task.command_line == "x '{url}.txt'"
    assert task.environment == {"N": "{url}.txt"}


def test_a_blob_name_with_a_wildcard_is_rejected_in_the_source_of_an_output_file() -> None:
    repeat = {"commandLine": "x", "outputFiles": [{"sourceFilePath": "{stem}.out", "targetBlobPath": "o"}]}
    with pytest.raises(InvalidJobError, match=r"'\*' would be read as a pattern"):
        per_file("*.txt", repeat=repeat)


def test_a_factory_without_blobs_is_rejected() -> None:
    with pytest.raises(InvalidJobError, match="no blob matches") as caught:
        per_file()
    assert caught.value.field == "taskFactory.source"
