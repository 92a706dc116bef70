"""What is seen on a terminal: colours, a fixed number of lines, and what Ctrl-C does, in real processes."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest

from tests.client.stand_in_app import StandInApp

COMMAND = [sys.executable, "-m", "batchmgr.cli"]
SIZE = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"}


def on_terminal(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    seen: Callable[[str], None] = lambda text: None,
) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns. Return its exit code, and all that it has written."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **SIZE, **(variables or {})}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        text = ""
        with suppress(OSError):  # the terminal is gone with the process
            while part := os.read(ours, 65536):
                text += part.decode(errors="replace")
                seen(text)
        os.close(ours)
        return process.wait(30), text


def without_codes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_watched_job_has_always_the_same_number_of_lines(app: StandInApp) -> None:
    job = app.add("a", total=4000, error={"code": "ValueError", "message": "no " * 60})
    steps = iter([(1000, 2), (2000, 5), (3990, 7)])

    def step() -> None:
        if (now := next(steps, None)) is None:
            app.end("a", "partial", 3993, 7)
            return
        job.groups = [
            {"type": f"E{n}", "message": "long " * 40, "count": n, "firstTask": "t"} for n in range(now[1])
        ]
        counts = {"running": 8, "completed": sum(now), "succeeded": now[0], "failed": now[1]}
        app.change("a", counts=counts)

    app.on_wait = step
    code, text = on_terminal("watch", "a")
    assert code == 104
    moves = set(re.findall(r"(?:\x1b\[1A\x1b\[2K)+", text))
    assert {move.count("\x1b[1A") for move in moves} == {5}  # to the first of six lines, to draw them anew
    frame = re.split(r"\x1b\[1A\x1b\[2K", text)[-1]
    last = without_codes(frame).replace("\r", "").split("\n")
    assert last[0].startswith("a  partial")
    assert "4,000 of 4,000 tasks, 7 failed" in last[1]
    assert all(len(line) <= 80 for line in last)
    assert last[3].strip().startswith("0 × E0: long")


def test_states_are_words_and_coloured_unless_somebody_says_no(app: StandInApp) -> None:
    app.add("a")
    app.end("a", "failed", 0, 1)
    assert "a  \x1b[31mfailed\x1b[0m" in on_terminal("status", "a")[1]
    assert "\x1b[31mfailed\x1b[0m" in on_terminal("list")[1]
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, text = on_terminal("status", "a", variables=variables)
        assert (code, "\x1b" in text) == (0, False)
        assert "a  failed" in text


def test_lines_of_a_table_are_cut_at_the_width(app: StandInApp) -> None:
    app.add("a" * 64, workload="w" * 60)
    text = without_codes(on_terminal("list")[1]).replace("\r", "")
    assert all(len(line) <= 80 for line in text.split("\n"))
    assert "…" in text


def test_ctrl_c_says_that_the_job_goes_on(app: StandInApp) -> None:
    app.add("a")
    for command in (["wait", "a"], ["watch", "a"], ["events", "a", "-f"], ["logs", "a", "-f"]):
        app.asked.clear()
        with subprocess.Popen(
            [*COMMAND, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            while len(app.asked) < 1:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said
        assert said.endswith("Job a goes on. Look at it with: batchmgr status a\n")
        assert "Traceback" not in said


@pytest.mark.parametrize(("answer", "state"), [("y", "cancelled"), ("n", "running")])
def test_before_a_job_is_cancelled_somebody_is_asked(app: StandInApp, answer: str, state: str) -> None:
    app.add("a")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "cancel", "a"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        out, said = process.communicate(timeout=30)
        os.close(ours)
    assert said.startswith("Cancel a? [y/N] ")
    assert process.returncode == (0 if answer == "y" else 1)
    assert out == ("Job a is being cancelled.\n" if answer == "y" else "")
    assert app.jobs["a"].body["state"] == state


def test_a_pipe_that_is_closed_ends_a_command_quietly(app: StandInApp) -> None:
    for number in range(3):
        app.add(f"job-{number}")
    script = f"{sys.executable} -m batchmgr.cli list -o jsonl | head -n 1"
    run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30)
    assert "Traceback" not in run.stderr
    assert run.stdout.count("\n") == 1
