from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_rules import (
    check_blob_path,
    check_input_file,
    check_output_file,
    check_source_file_path,
    check_target_file_path,
)
from batchmgr.plan.file_specifications import InputFileSpecification as InputFile
from batchmgr.plan.file_specifications import OutputFileSpecification as OutputFile

LEAVING = ["", "/etc/passwd", "..", "../wd/a", "a/../../b", "a/..", ".", "./a", "a//b", "a/", "C:/a", "c:a"]
UNPRINTABLE = ["a\\b", "a\x00b", "a\nb", "a\x7f"]


@pytest.mark.parametrize("path", LEAVING + UNPRINTABLE)
def test_a_path_that_could_leave_the_working_directory_is_refused(path: str) -> None:
    for check in (check_target_file_path, check_source_file_path, check_blob_path):
        with pytest.raises(InvalidJobError) as caught:
            check(path, field="tasks[0].file")
        assert caught.value.field == "tasks[0].file"


@given(st.text(alphabet="ab./\\: *?\x00é", max_size=12))
def test_every_accepted_path_stays_below_the_working_directory(path: str) -> None:
    try:
        check_target_file_path(path, field="f")
    except InvalidJobError:
        return
    parts = PurePosixPath("/wd", path).parts
    assert parts[:2] == ("/", "wd")
    assert len(parts) > 2
    assert ".." not in parts


@pytest.mark.parametrize(
    "path", ["../stdout.txt", "../stderr.txt", "../std*.txt", "a.txt", "results/**/*.tsv"]
)
def test_the_streams_of_the_task_and_patterns_below_it_may_be_output(path: str) -> None:
    check_source_file_path(path, field="f")


def test_the_streams_may_not_be_written_by_a_download() -> None:
    with pytest.raises(InvalidJobError):
        check_target_file_path("../stdout.txt", field="f")


def test_a_blob_name_longer_than_storage_takes_is_refused() -> None:
    check_blob_path("a" * 1024, field="f")
    with pytest.raises(InvalidJobError, match="1024"):
        check_blob_path("a" * 1025, field="f")


@pytest.mark.parametrize(
    ("file", "field"),
    [
        (InputFile(target_file_path="a", source_blob_path="b", container_name="Upper"), "in.containerName"),
        (InputFile(target_file_path="a", source_blob_path="b", container_name="ab"), "in.containerName"),
        (InputFile(target_file_path="a", source_blob_path="b"), "in.containerName"),
        (
            InputFile(target_file_path="a", source_blob_path="b", container_name="batchmgr-jobs"),
            "in.containerName",
        ),
        (InputFile(target_file_path="a", source_blob_path="/b", container_name="abc"), "in.sourceBlobPath"),
        (InputFile(target_file_path="a", container_name="abc"), "in.sourceBlobPath"),
        (InputFile(target_file_path="", source_blob_path="b", container_name="abc"), "in.targetFilePath"),
        (InputFile(target_file_path="../a", http_url="https://example.com/a"), "in.targetFilePath"),
        (InputFile(target_file_path="a", http_url="ftp://example.com/a"), "in.httpUrl"),
        (InputFile(target_file_path="a", http_url="https://"), "in.httpUrl"),
        (InputFile(target_file_path="a", http_url="https://[::1"), "in.httpUrl"),
        (InputFile(target_file_path="a", http_url="https://example.com/a", container_name="abc"), "in"),
        (
            InputFile(
                target_file_path="a", source_blob_path="b", container_name="abc", storage_account_name="a.b"
            ),
            "in.storageAccountName",
        ),
    ],
)
def test_an_unusable_input_file_is_refused_with_the_name_of_the_field(file: InputFile, field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        check_input_file(file, field="in")
    assert caught.value.field == field


@pytest.mark.parametrize(
    "file",
    [
        InputFile(target_file_path="a/b", source_blob_path="c/d", container_name="job-1"),
        InputFile(target_file_path="", source_blob_path="counts/", container_name="job-1"),
        InputFile(target_file_path="parts", source_blob_path="counts/", container_name="job-1"),
        InputFile(target_file_path="a", http_url="https://example.com/a?sig=x%2F"),
    ],
)
def test_a_blob_a_prefix_and_a_url_are_accepted_as_input(file: InputFile) -> None:
    check_input_file(file, field="in")


def test_an_output_needs_a_blob_name_unless_it_is_a_pattern() -> None:
    check_output_file(
        OutputFile(source_file_path="*.tsv", target_blob_path="", container_name="job-1"), field="out"
    )
    with pytest.raises(InvalidJobError) as caught:
        check_output_file(
            OutputFile(source_file_path="a.tsv", target_blob_path="", container_name="job-1"), field="out"
        )
    assert caught.value.field == "out.targetBlobPath"


def test_an_unknown_upload_condition_is_refused() -> None:
    file = OutputFile(
        source_file_path="a", target_blob_path="a", container_name="job-1", upload_condition="always"
    )
    with pytest.raises(InvalidJobError) as caught:
        check_output_file(file, field="out")
    assert caught.value.field == "out.uploadCondition"
