"""What a shell is told when somebody presses Tab."""

import pytest

from batchmgr.cli import main
from tests.client.stand_in_app import StandInApp


@pytest.fixture
def jobs(app: StandInApp) -> StandInApp:
    for name in ("wheat-1", "rice-1", "wheat-2"):
        app.add(name)
    return app


def completed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Ask as bash does, with the cursor at the end of the line."""
    words = line.split(" ")
    monkeypatch.setenv("_BATCHMGR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out.split()


def test_commands_and_options_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed("batchmgr sim", monkeypatch, capsys) == ["simulate"]
    assert "--last" in completed("batchmgr status --l", monkeypatch, capsys)


@pytest.mark.parametrize("command", ["status", "watch", "wait", "rerun", "usage"])
def test_ids_of_jobs_are_completed_the_newest_first(
    command: str, jobs: StandInApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(f"batchmgr {command} wh", monkeypatch, capsys) == ["wheat-2", "wheat-1"]
    assert any("prefix=wh" in path for _, path, _ in jobs.asked)


def test_the_app_that_the_line_names_is_asked(
    jobs: StandInApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BATCHMGR_URL")
    assert completed(f"batchmgr status --url {jobs.url} ri", monkeypatch, capsys) == ["rice-1"]


def test_an_app_that_does_not_answer_completes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BATCHMGR_URL", "http://127.0.0.1:9")
    assert completed("batchmgr status wh", monkeypatch, capsys) == []
