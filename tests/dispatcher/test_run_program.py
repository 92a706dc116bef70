"""Command lines that are not tasks of the workload run as in Azure Batch."""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.run_local_job import run_local_job
from batchmgr.dispatcher.terminal_output import TerminalOutput
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.wire.job_message import decode_job
from tests.dispatcher.letters import LettersWorkload
from tests.integration.messages import job, output, task


def run(tmp_path: Path, *tasks: dict[str, Any]) -> JobRecord:
    message = decode_job(json.dumps(job("programs", *tasks)).encode())
    directory = RunDirectory(tmp_path / "run")
    return run_local_job(
        LettersWorkload(), message, directory, tmp_path / "storage", TerminalOutput(StringIO())
    )


def only_failure(record: JobRecord) -> FailedTask:
    [failed] = record.run.failed_tasks
    return failed


def test_a_program_runs_in_its_directory_without_a_shell(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    echo = {"id": "echo", "commandLine": "echo $HOME 'a  b' > out", "environment": {"LETTER": "a"}}
    script = task("script", "pwd; echo $LETTER $AZ_BATCH_TASK_ID >&2; cat", environment={"LETTER": "a"})
    record = run(tmp_path, echo, {**script, "outputFiles": [output("../std*.txt", "logs")]})
    assert record.state == "succeeded"
    assert (tmp_path / "run/tasks/echo/stdout.txt").read_text() == "$HOME a  b > out\n"
    logs = tmp_path / "run/storage/job-programs/logs"
    assert (logs / "stdout.txt").read_text() == f"{tmp_path}/run/tasks/script/wd\n"
    assert (logs / "stderr.txt").read_text() == "a script\n"
    captured = capfd.readouterr()
    assert "$HOME a  b > out\n" in captured.out
    assert captured.err == "a script\n"


def test_python_is_the_one_that_runs_the_job(tmp_path: Path) -> None:
    line = "python3 -c 'import batchmgr, msgspec'"
    assert run(tmp_path, {"id": "1", "commandLine": line}).state == "succeeded"


def test_a_program_of_the_working_directory_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "storage/tools").mkdir(parents=True)
    (tmp_path / "storage/tools/hello").write_text("#!/bin/sh\necho hello from $0\n")
    tool = {"containerName": "tools", "sourceBlobPath": "hello", "targetFilePath": "bin/hello"}
    record = run(tmp_path, {"id": "1", "commandLine": "bin/hello", "inputFiles": [tool]})
    assert record.state == "succeeded"
    assert (tmp_path / "run/tasks/1/stdout.txt").read_text().startswith("hello from ")


@pytest.mark.parametrize(
    ("command", "exit_code", "type_", "message"),
    [
        ("sh -c 'echo no licence >&2; exit 7'", 7, "FailureExitCode", "exit code 7: no licence"),
        ("sh -c 'kill -9 $$'", 137, "FailureExitCode", "exit code 137"),
        ("no-such-program --version", None, "CommandProgramNotFound", "(Program: no-such-program)"),
        ("./none", None, "CommandProgramNotFound", "(Program: ./none)"),
        ("echo 'unclosed", None, "CommandLaunchFailed", "Failed to launch"),
    ],
)
def test_a_program_that_fails_is_reported_with_its_stderr(
    tmp_path: Path, command: str, exit_code: int | None, type_: str, message: str
) -> None:
    failed = only_failure(run(tmp_path, {"id": "1", "commandLine": command}))
    assert failed.exit_code == exit_code
    assert failed.error is not None
    assert failed.error.type == type_
    assert message in failed.error.message


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    script = task("slow", "sleep 60 & echo $! > child; wait", maxWallClockTime="PT0.2S")
    failed = only_failure(run(tmp_path, script))
    assert failed.error is not None
    assert (failed.exit_code, failed.error.type) == (137, "TaskEnded")
    child = int((tmp_path / "run/tasks/slow/wd/child").read_text())
    with pytest.raises(ProcessLookupError):
        until_gone(child)


def test_an_interrupted_program_is_ended_and_the_job_cancelled(tmp_path: Path) -> None:
    heard = "echo heard; until grep heard ../stdout.txt; do sleep 0.01; done"
    script = task("1", f"echo $$ > self; {heard}; kill -INT $PPID; sleep 60")
    assert run(tmp_path, script, task("2")).state == "cancelled"
    with pytest.raises(ProcessLookupError):
        until_gone(int((tmp_path / "run/tasks/1/wd/self").read_text()))


def test_what_a_program_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    record = run(tmp_path, task("1", "sleep 60 & echo $! > child"))
    assert record.state == "succeeded"
    with pytest.raises(ProcessLookupError):
        until_gone(int((tmp_path / "run/tasks/1/wd/child").read_text()))


def test_a_job_manager_task_decides_on_the_tasks(tmp_path: Path) -> None:
    letters = LettersWorkload()
    manager = {"commandLine": letters.command_line("job-manager")}
    inputs = {"tasks": [{}, {"after": [1]}]}
    message = {"jobId": "j", "workload": "letters", "inputs": inputs, "jobManagerTask": manager}
    decoded = decode_job(json.dumps(message).encode())
    directory = RunDirectory(tmp_path / "run")
    record = run_local_job(letters, decoded, directory, tmp_path / "storage", TerminalOutput(StringIO()))
    assert (record.state, record.run.total, record.run.counts.succeeded) == ("succeeded", 4, 4)
    assert (tmp_path / "run/tasks/2/stdout.txt").read_text() == "2 is done\n"


def test_an_output_file_that_cannot_be_copied_fails_its_task(tmp_path: Path) -> None:
    files = [output("a", "same"), output("a", "same/below")]
    failed = only_failure(run(tmp_path, task("1", "echo > a", outputFiles=files)))
    assert failed.error is not None
    assert failed.error.type == "FileUploadMiscError"
    assert "a can't be kept as same/below" in failed.error.message


def test_no_input_file_is_written_through_a_link_that_leads_out(tmp_path: Path) -> None:
    (tmp_path / "storage/letters").mkdir(parents=True)
    (tmp_path / "storage/letters/a").write_text("A")
    file = {"containerName": "letters", "sourceBlobPath": "a", "targetFilePath": "out/a"}
    flaky = task("1", f"ln -s {tmp_path} out; exit 1", maxTaskRetryCount=1)
    linked = run(tmp_path, {**flaky, "inputFiles": [{**file, "targetFilePath": "in/a"}]})
    assert linked.state == "failed"
    (tmp_path / "elsewhere").mkdir()
    script = f"rm -r out; ln -s {tmp_path}/elsewhere out; exit 1"
    failed = only_failure(run(tmp_path, task("1", script, maxTaskRetryCount=1, inputFiles=[file])))
    assert failed.error is not None
    assert failed.error.type == "ResourceFileCreateFailed"
    assert os.listdir(tmp_path / "elsewhere") == []


def until_gone(process: int) -> None:
    """Poll a process until it does not exist any more, then raise ProcessLookupError."""
    for _ in range(10_000):
        os.kill(process, 0)
        stat = Path(f"/proc/{process}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError  # a zombie, which waits for its new parent
