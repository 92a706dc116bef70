"""Tests the text and the JSON that `batchmgr plan` prints."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from azure.storage.blob import BlobServiceClient

from batchmgr.cli import main
from batchmgr.wire.plan_preview import PlanPreview
from tests.json_schema import schema_of

SWEEP = {
    "jobId": "sweep-001",
    "poolId": "hpc",
    "taskFactory": {
        "type": "parametricSweep",
        "parameters": {"x": {"start": 0.1, "end": 0.3, "step": 0.1}},
        "repeatTask": {
            "commandLine": "solve {x}",
            "environment": {"X": "{x}"},
            "inputFiles": [{"containerName": "data", "sourceBlobPath": "in/", "targetFilePath": ""}],
            "outputFiles": [{"sourceFilePath": "*.out", "targetBlobPath": "out/{x}"}],
        },
        "mergeTask": {"commandLine": "merge"},
    },
}
FILES = {"type": "taskPerFile", "source": {"containerName": "files"}, "repeatTask": {"commandLine": "wc {0}"}}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "BATCHMGR_POOL_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "job.json"


def write(file: Path, message: dict[str, Any]) -> str:
    file.write_text(json.dumps(message))
    return str(file)


def test_a_plan_is_printed_as_text_without_any_service(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", write(file, SWEEP), "--tasks", "4"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Job sweep-001 on pool hpc"
    assert told[2:4] == ["  tasks      5, the FinalizeTask included", "  calls      4 to Azure Batch"]
    for line in (
        "Task 1",
        "  commandLine          solve 0.1",
        "  environmentSettings  X=0.1",
        "  resourceFiles        . ← https://(storage account).blob.core.windows.net/data/in/*",
        "  dependsOn            1–3",
        "… and 1 more",
    ):
        assert line in told
    assert any(line.endswith("/job-sweep-001/out/0.1 (taskSuccess)") for line in told)


def test_a_plan_is_printed_as_the_json_of_the_http_api(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", write(file, SWEEP), "-o", "json", "--tasks", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, schema_of(PlanPreview))
    assert (answer["tasks"], answer["calls"], len(answer["expandedTasks"])) == (5, 4, 2)
    assert answer["problems"] == []


def test_problems_are_listed_and_are_the_exit_code(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"tasks": [{"id": "a b", "commandLine": "x"}, {"id": "c", "commandLine": " "}]}
    assert main(["plan", write(file, broken)]) == 1
    told = capsys.readouterr().out
    assert told.startswith("Job new-job would not be accepted: 2 problems.\n\n  tasks[0].id: must be 1 to 64")
    assert main(["plan", str(file), "-o", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, schema_of(PlanPreview))
    assert [problem["field"] for problem in answer["problems"]] == ["tasks[0].id", "tasks[1].commandLine"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "{file}: No such file or directory."),
        ("{", "{file}: not valid JSON: "),
        ("\x00\xff", "{file}: not valid JSON: "),
        ('{"tasks": 1}', "{file}: tasks: expected `array`, got `int`"),
        (
            json.dumps({"taskFactory": FILES}),
            "taskFactory.source: the blobs must be listed to plan this job; set ",
        ),
    ],
)
def test_what_cannot_be_planned_is_one_clear_message(
    file: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    if content is not None:
        file.write_text(content)
    assert main(["plan", str(file)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("batchmgr plan: " + message.format(file=file))
    assert told.err.count("\n") == 1


def test_a_number_of_tasks_that_is_none_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", write(file, SWEEP), "--tasks", "few"]) == 2
    assert "Invalid value for '--tasks'" in capsys.readouterr().err


def test_the_blobs_of_a_task_per_file_are_listed_in_the_storage_of_the_environment(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    connection_string: str,
) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", connection_string)
    assert main(["plan", write(file, {"taskFactory": FILES})]) == 1
    assert "taskFactory.source.containerName: there is no container 'files'" in capsys.readouterr().out
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        blobs.create_container("files").upload_blob("a;b.txt", b"")
    assert main(["plan", str(file)]) == 0
    assert "wc 'a;b.txt'" in capsys.readouterr().out
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        assert [container.name for container in blobs.list_containers()] == ["files"]


def test_a_storage_setting_that_is_none_is_named(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", "AccountKey=secret")
    assert main(["plan", write(file, {"taskFactory": FILES})]) == 1
    assert capsys.readouterr().err == "batchmgr plan: AzureWebJobsStorage is not a connection string\n"
