"""Runs jobs of the letters workload in the test's process, as the command line does."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchmgr import Application
from tests.dispatcher.letters import LettersWorkload, planned


@dataclass(frozen=True, kw_only=True)
class Run:
    """The output and the files of a run."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = (self.directory / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def types(self) -> list[str]:
        """The types of the events with the task's id, without `job.progress`."""
        names = (event["type"].removeprefix("batchmgr.") for event in self.events)
        tasks = (event["data"].get("taskId", "") for event in self.events)
        found = [f"{name} {task}".strip() for name, task in zip(names, tasks, strict=True)]
        return [name for name in found if name != "job.progress"]

    @property
    def callback(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((self.directory / "callback.json").read_text())
        return body

    @property
    def outcome(self) -> dict[str, Any]:
        outcome: dict[str, Any] = self.callback["Output"]
        return outcome

    def blob(self, path: str, container: str = "job-letters") -> str:
        return (self.directory / "storage" / container / path).read_text()

    def task(self, task_id: str, path: str) -> str:
        return (self.directory / "tasks" / task_id / path).read_text()


Local = Callable[..., Run]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Local:
    """Return a function that runs a job of these tasks, with further arguments, in the test's directory."""
    monkeypatch.chdir(tmp_path)
    planned.clear()

    def run(*tasks: dict[str, Any], args: tuple[str, ...] = (), **inputs: Any) -> Run:
        given = {"tasks": list(tasks), **inputs} if tasks else inputs
        arguments = ["local", "--inputs", json.dumps(given), *args]
        with pytest.raises(SystemExit) as end:
            Application(LettersWorkload()).run(arguments)
        captured = capfd.readouterr()
        directory = tmp_path / "batchmgr-local" / "letters"
        return Run(code=int(end.value.code or 0), out=captured.out, err=captured.err, directory=directory)

    return run
