"""Looking at jobs, their tasks and their events."""

import io
import json
import re
from typing import Any

import msgspec
import pytest
from aiohttp import web
from rich.console import Console

from batchmgr.cli import main
from batchmgr.cli.watch_view import WatchView
from batchmgr.client import Job
from tests.client.stand_in_app import StandInApp

Capture = pytest.CaptureFixture[str]


def test_status_shows_why_a_job_failed_in_groups(app: StandInApp, capsys: Capture) -> None:
    job = app.add("a", error={"code": "ValueError", "message": "bad\x1b[31m line\nsecond"}, total=4000)
    app.end("a", "partial", 3993, 7)
    job.groups = [
        {"type": "ValueError", "message": "no <n>", "count": 6, "firstTask": "count-17"},
        {"type": "X", "count": 1},
    ]
    assert main(["status", "a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a  partial"
    assert lines[1] == "  tasks     4,000 of 4,000 tasks, 7 failed"
    assert "  error     ValueError: bad�[31m line" in lines
    assert lines[-2] == "        6 × ValueError: no <n>  (first: count-17)"
    assert all(len(line) <= 80 for line in lines)


def test_an_older_app_has_no_groups_of_failed_tasks(app: StandInApp, capsys: Capture) -> None:
    app.add("a")
    app.end("a", "failed", 0, 3)
    app.trouble = lambda request: web.Response(status=404) if "failures" in request.path else None
    assert main(["status", "a"]) == 0
    assert capsys.readouterr().out.startswith("a  failed\n")
    app.trouble = lambda request: web.Response(status=404)
    assert main(["status", "a"]) == 1
    assert "no such address" in capsys.readouterr().err


def test_status_shows_why_a_job_waits(app: StandInApp, capsys: Capture) -> None:
    app.add(
        "a", "submitting", waitingFor={"code": "Quota", "reason": "no place", "advice": "wait", "place": 3}
    )
    assert main(["status", "--last"]) == 0
    told = capsys.readouterr().out
    assert "  waits     Quota: no place (place 3 in the line)\n  advice    wait" in told


LEFT = {"endsAt": "2026-11-28T11:30:00Z", "basis": "40 tasks took 12 s each; 4 run, 60 are to come"}


def test_status_says_when_a_job_ends_and_what_that_follows_from(app: StandInApp, capsys: Capture) -> None:
    app.add("a", timeLeft=LEFT)
    assert main(["status", "a"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^  ends      about .+: 40 tasks took 12 s each; 4 run, 60 are to come$", told, re.M)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"timeLeft": LEFT}, "ends about .+: 40 tasks took 12 s each; 4 run, 60 are to come"),
        ({"timeLeft": LEFT, "waitingFor": {"code": "Quota", "reason": "full"}}, "waits: full"),
        ({}, ""),
    ],
)
def test_a_watched_job_says_why_it_waits_or_when_it_ends(facts: dict[str, Any], line: str) -> None:
    job = {"jobId": "a", "state": "running", "total": 3, **facts}
    console = Console(width=100, file=io.StringIO(), record=True)
    view = WatchView(console)
    view.show(msgspec.convert(job, Job))
    console.print(view.block())
    assert re.fullmatch(line, console.export_text().splitlines()[2].strip())


def test_a_job_is_named_by_its_id_or_as_the_newest(app: StandInApp, capsys: Capture) -> None:
    app.add("old")
    app.add("new")
    assert main(["status", "--last", "-o", "name"]) == 0
    assert capsys.readouterr().out == "new\n"
    for arguments in (["status"], ["status", "old", "--last"], ["wait"]):
        assert main(arguments) == 2
        assert "or --last" in capsys.readouterr().err
    app.jobs.clear()
    assert main(["status", "--last"]) == 102


def test_jobs_are_listed_in_columns_and_selected(app: StandInApp, capsys: Capture) -> None:
    for number in range(3):
        app.add(f"job-{number}", workload="kmers")
    app.end("job-1")
    assert main(["list", "--limit", "2"]) == 0
    told = capsys.readouterr()
    header, *rows = told.out.splitlines()
    assert header.split() == ["JOB", "STATE", "AGE", "TASKS", "WORKLOAD"]
    assert [row.split()[0] for row in rows] == ["job-2", "job-1"]
    assert told.err == "There are more than 2: give a higher --limit, or say which.\n"
    chosen = [
        "--state",
        "succeeded",
        "--prefix",
        "job",
        "--metadata",
        "user=ada",
        "--since",
        "2026-11-28",
        "--workload",
        "k",
    ]
    assert main(["list", *chosen, "-o", "name"]) == 0
    assert capsys.readouterr() == ("job-1\n", "")
    assert app.paths()[-1] == (
        "GET /api/jobs?state=succeeded&workload=k&prefix=job&since=2026-11-28T00%3A00%3A00%2B00%3A00"
        "&limit=51&metadata.user=ada"
    )
    assert main(["list", "--since", "yesterday"]) == 2
    assert main(["list", "--metadata", "user"]) == 2


def test_without_a_terminal_a_watched_job_has_a_line_for_each_change(
    app: StandInApp, capsys: Capture
) -> None:
    app.add("a", "queued", total=0, counts={})
    steps = iter(
        [
            lambda: app.change(
                "a", state="running", total=3, counts={"running": 1, "completed": 1, "failed": 1}
            ),
            lambda: app.change("a", attempts=2),  # nothing that is shown
            lambda: app.end("a", "partial", 2, 1),
        ]
    )
    app.on_wait = lambda: next(steps)()  # type: ignore[no-untyped-call]
    assert main(["watch", "a"]) == 104
    assert [line[10:] for line in capsys.readouterr().out.splitlines()] == [
        "queued  no tasks yet",
        "running  1 of 3 tasks, 1 failed, 1 running",
        "partial  3 of 3 tasks, 1 failed",
    ]


def test_tasks_are_listed_with_their_errors(app: StandInApp, capsys: Capture) -> None:
    task = {
        "state": "completed",
        "result": "failure",
        "exitCode": 3,
        "error": {"type": "ValueError", "message": "no\nreally"},
        "kind": "count",
        "startTime": "2026-11-28T10:00:00Z",
        "endTime": "2026-11-28T10:01:05Z",
    }
    app.add("a").tasks = [{"taskId": f"t{number}", **task} for number in range(3)]
    assert (
        main(["tasks", "a", "--limit", "2", "--state", "failed", "--exit-code", "3", "--kind", "count"]) == 0
    )
    told = capsys.readouterr()
    _, first, _ = told.out.splitlines()
    assert first.split() == ["t0", "failed", "count", "1", "min", "5", "s", "3", "ValueError:", "no"]
    assert told.err == "There are more than 2: --limit 0 lists all.\n"
    assert main(["tasks", "a", "--limit", "0", "-o", "name"]) == 0
    assert capsys.readouterr() == ("t0\nt1\nt2\n", "")
    assert main(["tasks", "a", "--kind", "merge"]) == 0
    assert capsys.readouterr() == ("", "There are no such tasks.\n")


def test_events_are_printed_on_lines_and_followed(app: StandInApp, capsys: Capture) -> None:
    app.add("a")
    app.tell("a", "job.progress", counts={"completed": 1}, total=3)
    app.on_wait = lambda: app.end("a")
    assert main(["events", "a", "-f"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "10:00:01  job.progress     1 of 3 tasks",
        "10:00:01  job.succeeded",
    ]
    assert main(["events", "a", "--after", "1", "-o", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "batchmgr.job.succeeded"
