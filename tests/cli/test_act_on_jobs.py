"""Commands that change jobs: they ask before something is destroyed."""

import pytest

from batchmgr.cli import main
from tests.client.stand_in_app import StandInApp

Capture = pytest.CaptureFixture[str]


def test_nothing_is_destroyed_unless_somebody_says_so(app: StandInApp, capsys: Capture) -> None:
    app.add("a")
    for command in ("cancel", "purge"):
        assert main([command, "a"]) == 2
        assert "give -y" in capsys.readouterr().err
        assert main([command, "a", "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith("would ")
    assert app.jobs["a"].body["state"] == "running"
    assert main(["purge", "a", "-y"]) == 1
    assert "cancel it first" in capsys.readouterr().err
    assert main(["cancel", "a", "-y"]) == 0
    assert main(["purge", "a", "-y"]) == 0
    assert capsys.readouterr().out == "Job a is being cancelled.\nJob a is deleted.\n"
    assert app.jobs == {}


def test_jobs_are_selected_to_be_destroyed(app: StandInApp, capsys: Capture) -> None:
    for name in ("a", "b"):
        app.add(name)
    app.end("b")
    assert main(["cancel", "--state", "running,succeeded", "-y", "-o", "name"]) == 0
    assert capsys.readouterr().out == "a\n"
    assert main(["cancel", "a", "--prefix", "a", "-y"]) == 2
    assert main(["purge", "--state", "failed", "-y"]) == 0
    assert capsys.readouterr().err.endswith("There are no such jobs.\n")


def test_a_job_is_run_again(app: StandInApp, capsys: Capture) -> None:
    app.add("a", "failed")
    assert main(["rerun", "a", "-o", "name"]) == 0
    assert capsys.readouterr().out == "a-rerun-1\n"
    app.on_wait = lambda: app.end("b")
    assert main(["rerun", "a", "--all", "--new-id", "b", "--callback", "", "--wait"]) == 0


def test_a_callback_is_sent_again(app: StandInApp, capsys: Capture) -> None:
    app.add("a", "failed", callback={"state": "dead"})
    assert main(["redrive", "a"]) == 0
    assert capsys.readouterr().out == (
        f"What was given up of job a is sent again. Follow it: {app.url}/api/jobs/a\n"
    )
    assert main(["redrive", "a"]) == 1
    assert capsys.readouterr().err == "batchmgr redrive: Job 'a' has no callback. (status 409)\n"


def test_dead_letters_are_listed_line_by_line(app: StandInApp, capsys: Capture) -> None:
    assert main(["dead-letters"]) == 0
    assert capsys.readouterr() == ("", "There are no dead letters.\n")
    time = "2026-11-28T10:00:00Z"
    app.letters = [
        {
            "id": "1",
            "kind": "callback",
            "time": time,
            "reason": "answered 500",
            "jobId": "a",
            "receiver": "h:443",
        },
        {"id": "2", "kind": "message", "time": time, "reason": "no JSON", "queue": "q", "messageId": "m"},
        {"id": "3"},
    ]
    assert main(["dead-letters", "--limit", "2"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"{time}  the callback of job a to h:443: answered 500",
        f"{time}  message m in q: no JSON",
    ]
    assert told.err == "There are more: give a higher --limit.\n"
