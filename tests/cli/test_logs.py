"""The logs of tasks, also while they run."""

import pytest

from batchmgr.cli import main
from tests.cli.job_with_logs import with_logs
from tests.client.stand_in_app import StandInApp

Capture = pytest.CaptureFixture[str]


def test_the_logs_of_tasks_that_have_begun_are_printed(app: StandInApp, capsys: Capture) -> None:
    with_logs(app)
    assert main(["logs", "a", "--tail", "1"]) == 0
    assert capsys.readouterr().out == "==> t1 stdout.txt <==\nt1 two\n==> t2 stdout.txt <==\nt2 two\n"
    assert main(["logs", "a", "--failed"]) == 0
    assert capsys.readouterr().out == "t2 oh\n"
    assert main(["logs", "a", "-t", "t1", "--file", "stderr.txt"]) == 0
    assert capsys.readouterr().out == "t1 oh\n"
    assert main(["logs", "a", "-t", "t3"]) == 102
    assert "no such file yet" in capsys.readouterr().err


def test_the_log_of_a_task_is_followed_to_its_end(app: StandInApp, capsys: Capture) -> None:
    with_logs(app)
    job = app.jobs["a"]
    texts = iter(["begin\n", "begin\nend\n"])

    def grow() -> None:
        if (text := next(texts, None)) is not None:
            job.files["t3", "stdout.txt"] = text.encode()
        else:
            job.tasks[2]["state"] = "completed"

    app.on_wait = grow
    assert main(["logs", "a", "-f", "--task", "t3"]) == 0
    assert capsys.readouterr().out == "begin\nend\n"


def test_the_logs_of_all_tasks_are_followed_each_line_behind_its_task(
    app: StandInApp, capsys: Capture
) -> None:
    with_logs(app)
    app.end("a")
    assert main(["logs", "a", "-f"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "t1 | t1 one",
        "t1 | t1 two",
        "t2 | t2 one",
        "t2 | t2 two",
    ]
