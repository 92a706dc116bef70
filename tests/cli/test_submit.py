"""Sending a job, and waiting for its end: what is printed, and the exit codes."""

import io
from pathlib import Path

import pytest
from aiohttp import web

from batchmgr.cli import main
from batchmgr.devstack.tcp_ports import free_port
from tests.client.stand_in_app import StandInApp

Capture = pytest.CaptureFixture[str]
MESSAGE = '{"jobId": "a", "tasks": [{"id": "t", "commandLine": "true"}]}'


@pytest.fixture
def message(tmp_path: Path) -> str:
    file = tmp_path / "job.json"
    file.write_text(MESSAGE)
    return str(file)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("succeeded", 0),
        ("failed", 100),
        ("cancelled", 103),
        ("partial", 104),
        ("timed_out", 105),
        ("rejected", 106),
    ],
)
@pytest.mark.parametrize("how", ["--wait", "--watch"])
def test_the_exit_code_says_how_a_job_ended(
    app: StandInApp, message: str, state: str, code: int, how: str, capsys: Capture
) -> None:
    app.on_wait = lambda: app.end("a", state)
    assert main(["submit", message, how]) == code
    told = capsys.readouterr()
    assert state in told.out.splitlines()[-1]
    assert told.err.startswith("Job a is queued.")
    assert main(["wait", "a", "-o", "name"]) == code
    assert capsys.readouterr().out == "a\n"


def test_a_job_that_is_sent_is_told_of_and_its_name_stands_alone_where_asked(
    app: StandInApp, message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["submit", message]) == 0
    assert capsys.readouterr().out == "Job a is queued. Follow it with: batchmgr watch a\n"
    assert main(["submit", message, "-o", "name"]) == 0
    assert capsys.readouterr() == ("a\n", "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MESSAGE.replace('"a"', '"b"').encode())))
    assert main(["submit", "-", "-o", "name"]) == 0
    assert capsys.readouterr().out == "b\n"


def test_what_may_be_meant_otherwise_is_said_on_stderr(
    app: StandInApp, message: str, capsys: Capture
) -> None:
    warning = {"field": "tasks[0].commandLine", "reason": "runs without a shell: > is an argument"}
    accepted = {"jobId": "a", "state": "queued", "warnings": [warning]}
    app.trouble = lambda request: web.json_response(accepted, status=202)
    assert main(["submit", message, "-o", "name"]) == 0
    assert capsys.readouterr() == (
        "a\n",
        "warning: tasks[0].commandLine: runs without a shell: > is an argument\n",
    )


def test_a_message_that_is_refused_says_all_that_is_wrong(
    app: StandInApp, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "wrong.json").write_text('{"task": []}')
    assert main(["submit", str(tmp_path / "wrong.json")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "batchmgr submit: task: unknown field (status 400)",
        "  task: unknown field",
        "  tasks: is missing",
    ]
    assert main(["submit", str(tmp_path / "none.json")]) == 1
    assert "none.json: No such file or directory." in capsys.readouterr().err


def test_a_wait_that_takes_too_long_says_that_the_job_goes_on(app: StandInApp, capsys: Capture) -> None:
    app.add("a")
    for command in ("wait", "watch"):
        assert main([command, "a", "--timeout", "0.2"]) == 101
        assert capsys.readouterr().err == "Job a has not ended in time. It goes on.\n"


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "watch",
        "wait",
        "tasks",
        "logs",
        "events",
        "cancel -y",
        "rerun",
        "redrive",
        "purge -y",
        "download",
    ],
)
def test_a_job_that_is_not_there_has_an_exit_code_of_its_own(
    app: StandInApp, command: str, capsys: Capture
) -> None:
    name, *options = command.split()
    assert main([name, "gone", *options]) == 102
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"batchmgr {name}: There is no job 'gone'. (status 404)\n"


def test_an_app_that_is_not_there_is_an_error(
    app: StandInApp, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmgr.cli.app_command.PATIENCE_S", 0.5)
    assert main(["status", "a", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("; trying again")
    assert said[-1].startswith("batchmgr status: http://127.0.0.1:")
    assert "can't be reached" in said[-1]
    assert main(["status", "a", "--url", "ftp://x"]) == 1
    assert "is no http or https address" in capsys.readouterr().err
    app.trouble = lambda request: web.Response(status=401)
    assert main(["status", "a"]) == 1
    assert "the app wants a function key" in capsys.readouterr().err
