"""Every command with `-o json` prints one JSON document, of the types of the client, and nothing else."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from batchmgr.cli import COMMANDS, main
from batchmgr.cli.download import Downloaded
from batchmgr.cli.job_selection import JobDone
from batchmgr.cli.program import command
from batchmgr.cli.upload import Uploaded
from batchmgr.cli.usage import GroupUsage, JobUsage
from batchmgr.client import Accepted, DeadLetter, Event, Job, Outcome, Task
from tests.client.stand_in_app import StandInApp
from tests.json_schema import schema_of

PRINTED: dict[str, tuple[list[str], Any]] = {
    "submit": (["submit", "{file}"], Accepted),
    "submit --wait": (["submit", "{file}", "--wait"], Outcome),
    "submit --watch": (["submit", "{file}", "--watch"], Job),
    "status": (["status", "ended"], Job),
    "list": (["list"], list[Job]),
    "watch": (["watch", "ended"], Job),
    "wait": (["wait", "ended", "other"], list[Outcome]),
    "tasks": (["tasks", "ended"], list[Task]),
    "events": (["events", "ended"], list[Event]),
    "download": (["download", "ended", "--to", "{folder}"], list[Downloaded]),
    "upload": (["upload", "{file}"], list[Uploaded]),
    "cancel": (["cancel", "other", "-y"], list[JobDone]),
    "rerun": (["rerun", "ended"], Accepted),
    "redrive": (["redrive", "ended"], Accepted),
    "purge": (["purge", "ended", "--dry-run"], list[JobDone]),
    "usage": (["usage", "ended"], list[JobUsage]),
    "usage --by": (["usage", "--by", "user"], list[GroupUsage]),
    "dead-letters": (["dead-letters"], list[DeadLetter]),
}
"""What each command prints: its arguments, and the type."""

ELSEWHERE = {"doctor", "plan", "retention", "workloads"}
"""Commands that print of this machine, of settings or of a file: their own tests look at their JSON."""


@pytest.fixture
def ended(app: StandInApp) -> StandInApp:
    for name in ("other", "ended"):
        job = app.add(
            name,
            error={"code": "ValueError", "message": "no"},
            callback={"state": "dead", "attempts": 3, "lastError": "500"},
            waitingFor={"code": "Quota", "reason": "full", "since": "2026-11-28T10:00:00Z"},
        )
        error = {"type": "ValueError", "message": "no", "stderr": "oh", "traceback": "…"}
        job.tasks = [
            {"taskId": "t", "state": "completed", "result": "failure", "exitCode": 1, "error": error}
        ]
        job.results["x.csv"] = b"x"
        app.tell(name, "job.running", jobId=name)
        app.end(name, "partial", 2, 1)
    app.letters = [{"id": "1", "kind": "callback", "time": "2026-11-28T10:00:00Z", "jobId": "a"}]
    app.on_wait = lambda: app.end("sent") if "sent" in app.jobs else None
    return app


def printed(what: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    file = tmp_path / "job.json"
    file.write_text('{"jobId": "sent", "tasks": [{"id": "t", "commandLine": "true"}]}')
    places = {"{file}": str(file), "{folder}": str(tmp_path / "to")}
    arguments, _ = PRINTED[what]
    assert main([*(places.get(word, word) for word in arguments), "-o", form]) in (0, 104)
    return capsys.readouterr().out


@pytest.mark.parametrize("what", PRINTED)
def test_what_is_printed_as_json_has_the_schema_of_its_type(
    what: str, ended: StandInApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(printed(what, "json", tmp_path, capsys))
    jsonschema.validate(document, schema_of(PRINTED[what][1]))
    assert document


@pytest.mark.parametrize("what", PRINTED)
def test_as_json_lines_each_value_is_a_line(
    what: str, ended: StandInApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = PRINTED[what][1]
    one = kind.__args__[0] if hasattr(kind, "__args__") else kind
    lines = printed(what, "jsonl", tmp_path, capsys).splitlines()
    assert lines
    for line in lines:
        jsonschema.validate(json.loads(line), schema_of(one))


@pytest.mark.parametrize("what", PRINTED)
def test_as_names_nothing_but_names_are_printed(
    what: str, ended: StandInApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(what, "name", tmp_path, capsys).splitlines()
    if what == "submit --watch":  # the job is drawn below its name
        lines = lines[:1]
    assert lines
    assert all(" " not in line for line in lines)


def test_every_command_with_the_option_is_tried_here() -> None:
    with_output = {
        name
        for name in COMMANDS
        if any("--output" in one.opts and "-o" in one.opts for one in command(name).params)
    }
    assert with_output == {what.partition(" ")[0] for what in PRINTED} | ELSEWHERE
