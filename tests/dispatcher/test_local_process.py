"""Tests `python -m my_workload local` as a process, under a debugger and with Ctrl-C."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

WORKLOAD = """
    import os, sys, time
    from batchmgr import Application, FinalizeTask, JobManager, JobManagerBuilder, WorkloadBase, WorkloadTask

    class StopTask(WorkloadTask):
        def run(self):
            word = self.inputs["word"]
            breakpoint()
            print("the word is", word)

    class SleepTask(WorkloadTask):
        def run(self):
            print("asleep", flush=True)
            time.sleep(60)

    class MyJobManager(JobManager):
        def create_job(self):
            if self.inputs.get("stop_here"):
                breakpoint()
            for name in self.inputs["tasks"]:
                self.add_workload_task({"stop": StopTask, "sleep": SleepTask}[name], {"word": "alpha"}, [])

    class MyJobManagerBuilder(JobManagerBuilder):
        job_manager_type = MyJobManager

    class MyWorkload(WorkloadBase):
        def __init__(self, batch_client=None):
            super().__init__(batch_client, MyJobManagerBuilder)
            for task_type in (StopTask, SleepTask):
                self._entry_points_repository.register_entry_point(task_type)
"""
MAIN = "from my_workload import *\nif __name__ == '__main__':\n    Application(MyWorkload()).run()\n"
TIMEOUT_S = 60


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory from which `python -m my_workload` works."""
    (tmp_path / "my_workload").mkdir()
    (tmp_path / "my_workload" / "__init__.py").write_text(dedent(WORKLOAD))
    (tmp_path / "my_workload" / "__main__.py").write_text(MAIN)
    return tmp_path


class Terminal:
    """A terminal in which the command runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process = process
        self.seen = ""
        self._screen = screen
        self._expected = 0

    def expect(self, text: str) -> None:
        """Wait until this text is on the screen, after the text that was expected before."""
        deadline = time.monotonic() + TIMEOUT_S
        while (at := self.seen.find(text, self._expected)) < 0:
            if not select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come: {self.seen}")
            try:
                self.seen += os.read(self._screen, 4096).decode()
            except OSError:  # the other end is closed
                raise AssertionError(f"{text!r} did not come before the end: {self.seen}") from None
        self._expected = at + len(text)

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._screen, f"{line}\n".encode())

    def end(self) -> int:
        """Read the rest of the output, and return the exit code."""
        try:
            while data := os.read(self._screen, 4096):
                self.seen += data.decode()
        except OSError:  # Linux raises it at the end of the output
            pass
        return self.process.wait(TIMEOUT_S)


@contextmanager
def terminal(package: Path, **inputs: Any) -> Iterator[Terminal]:
    """Run the command in a terminal."""
    screen, keyboard = pty.openpty()
    settings = termios.tcgetattr(keyboard)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(keyboard, termios.TCSANOW, settings)
    streams = {"stdin": keyboard, "stdout": keyboard, "stderr": keyboard}
    with subprocess.Popen(command(inputs), cwd=package, start_new_session=True, **streams) as process:  # type: ignore[call-overload]  # streams of a process
        os.close(keyboard)
        try:
            yield Terminal(process, screen)
        finally:
            process.kill()
            os.close(screen)


def command(inputs: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "my_workload", "local", "--inputs", json.dumps(inputs)]


def outcome(package: Path) -> dict[str, Any]:
    path = package / "batchmgr-local" / "my-workload" / "callback.json"
    body: dict[str, Any] = json.loads(path.read_text())
    return body


def test_a_breakpoint_in_a_task_stops_in_the_users_terminal(package: Path) -> None:
    with terminal(package, tasks=["stop"]) as screen:
        screen.expect("Task 1 (StopTask) is running.")
        screen.expect("(Pdb) ")
        screen.type("p word, self.context.task_id")
        screen.expect("('alpha', '1')")
        screen.type("word = 'omega'")
        screen.expect("(Pdb) ")
        screen.type("continue")
        assert screen.end() == 0
    assert "the word is omega" in screen.seen
    stdout = package / "batchmgr-local/my-workload/tasks/1/stdout.txt"
    assert "the word is omega" in stdout.read_text()


def test_a_breakpoint_in_create_job_stops_once(package: Path) -> None:
    with terminal(package, tasks=[], stop_here=True) as screen:
        screen.expect("(Pdb) ")
        screen.type("self.inputs['tasks'].append('stop')")
        screen.expect("(Pdb) ")
        screen.type("continue")
        screen.expect("Task 1 (StopTask) is running.")
        screen.expect("(Pdb) ")
        screen.type("continue")
        assert screen.end() == 0


def test_quitting_the_debugger_cancels_the_job(package: Path) -> None:
    with terminal(package, tasks=["stop", "stop"]) as screen:
        screen.expect("(Pdb) ")
        screen.type("quit")
        assert screen.end() == 130
    assert outcome(package)["Output"]["state"] == "cancelled"
    assert "Task 2" not in screen.seen


def test_ctrl_c_cancels_the_job_with_its_events_and_its_callback(package: Path) -> None:
    with subprocess.Popen(
        command({"tasks": ["sleep", "stop"]}),
        cwd=package,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("asleep" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        rest, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130
    assert errors == ""
    assert "Task 1 (SleepTask) failed: Task Was Ended by User Request" in rest
    assert "The job was cancelled" in rest
    body = outcome(package)
    assert (body["StatusCode"], body["Error"]["ErrorCode"]) == ("499", "Cancelled")
    events = (package / "batchmgr-local/my-workload/events.jsonl").read_text()
    assert '"batchmgr.job.cancelled"' in events.splitlines()[-1]
