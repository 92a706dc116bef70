"""The commands that call an app: what they send, print and return."""

import io
import json
import re
from pathlib import Path

import pytest
from aiohttp import web

from batchmgr.cli import main
from batchmgr.devstack.tcp_ports import free_port
from tests.client.stand_in_app import StandInApp
from tests.simulation.test_earlier_job import TIMELINE

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


def with_logs(app: StandInApp) -> None:
    job = app.add("a")
    for name, result in (("t1", "success"), ("t2", "failure"), ("t3", "")):
        state = "completed" if result else "active"
        job.tasks.append({"taskId": name, "state": state, "result": result})
        if result:
            job.files[name, "stdout.txt"] = f"{name} one\n{name} two\n".encode()
            job.files[name, "stderr.txt"] = f"{name} oh\n".encode()


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


def test_results_are_downloaded_by_name_and_pattern_of_several_jobs(
    app: StandInApp, tmp_path: Path, capsys: Capture
) -> None:
    for name in ("a", "b"):
        app.add(name).results |= {"results/x.csv": name.encode(), "results/y.txt": b"y", "log": b""}
        app.end(name)
    to = tmp_path / "to"
    assert main(["download", "a", "--to", str(to)]) == 0
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()) == [
        "log",
        "results/x.csv",
        "results/y.txt",
    ]
    capsys.readouterr()
    assert main(["download", "a", "--job", "b", "--include", "*.csv", "--to", str(to), "-o", "name"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{to}/a/results/x.csv", f"{to}/b/results/x.csv"]
    assert (to / "b/results/x.csv").read_bytes() == b"b"
    assert main(["download", "a", "log", "none", "--to", str(to)]) == 1
    assert capsys.readouterr().err == "none: The job has no such result. (status 404)\n"
    assert main(["download", "gone", "log"]) == 102


def test_the_files_of_a_task_are_downloaded(app: StandInApp, tmp_path: Path) -> None:
    with_logs(app)
    assert main(["download", "a", "--task", "t1", "--to", str(tmp_path)]) == 0
    assert (tmp_path / "stderr.txt").read_text() == "t1 oh\n"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil"])
def test_no_name_leads_out_of_the_folder(app: StandInApp, tmp_path: Path, name: str, capsys: Capture) -> None:
    app.add("a").results[name] = b"x"
    app.end("a")
    assert main(["download", "a", "--to", str(tmp_path / "to")]) == 1
    assert "leads out of the folder" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*evil*"))


def test_the_results_of_a_job_that_has_not_ended_are_not_there(app: StandInApp, capsys: Capture) -> None:
    app.add("a")
    assert main(["download", "a"]) == 101
    assert "job a has not ended" in capsys.readouterr().err


def test_files_and_folders_are_uploaded(app: StandInApp, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    files = [str(tmp_path / "in"), str(tmp_path / "b.txt")]
    assert main(["upload", *files, "--container", "data", "--prefix", "run-1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["data/run-1/deep/a.txt", "data/run-1/b.txt"]
    assert app.uploaded == {"data/run-1/deep/a.txt": b"a", "data/run-1/b.txt": b"b"}
    assert main(["upload", str(tmp_path / "none")]) == 1


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
        f"The callback of job a is sent again. Follow it: {app.url}/api/jobs/a\n"
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


def test_the_address_of_a_job_is_printed(app: StandInApp, capsys: Capture) -> None:
    assert main(["open", "a", "--url", f"{app.url}/api/"]) == 0
    assert capsys.readouterr().out == f"{app.url}/api/dashboard?job=a\n"


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


def test_a_simulation_reads_the_timeline_of_an_earlier_job(app: StandInApp, capsys: Capture) -> None:
    asked = []

    def timeline(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response(TIMELINE)

    app.trouble = timeline
    assert main(["simulate", "--like", "kmers-1", "--runs", "2"]) == 0
    assert asked == ["/api/jobs/kmers-1/timeline"]
    assert "kmers-001 on its 2 nodes of 2 slots: predicted" in capsys.readouterr().out


def test_the_usage_of_a_job_is_told_by_kind_with_its_cost(app: StandInApp, capsys: Capture) -> None:
    app.add("a", metadata={"user": "ada"})
    assert main(["usage", "a"]) == 0
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "a",
        "KIND TASKS FAILED RUN TIME LONGEST MEAN WAIT LOST",
        "count 60 1 10 h 0 min 15 min 12 s 41 s 2",
        "FinalizeTask 1 0 0.4 s 0.4 s - 0",
        "standard_d4s_v3, linux, 4 slots a node",
        "node hours used: 2.51 dedicated; core hours: 10.03",
        "node hours idle: 0.50; 83% of the slots were used",
        "cost: 0.60 EUR used, and 0.12 idle (westeurope, prices of 2026-11-01)",
    ]


def test_jobs_are_added_up_by_a_key_of_their_metadata(app: StandInApp, capsys: Capture) -> None:
    for number, user in enumerate(("ada", "bob", "ada")):
        app.add(f"j{number}", metadata={"user": user})
    app.add("other")
    assert main(["usage", "--by", "user"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["ada", "2", "122", "2", "5.02", "1.00", "20.07", "1.44", "EUR"]
    assert {row[0] for row in rows[2:]} == {"bob", "(without)"}
    assert main(["usage", "j0", "--by", "user"]) == 2
    assert main(["usage", "--state", "ended"]) == 2


def test_a_report_is_one_file_with_the_answers_inside(
    app: StandInApp, tmp_path: Path, capsys: Capture
) -> None:
    app.add("a-b", metadata={"user": "</script><b>ada"})
    app.end("a-b", "partial", 2, 1)
    file = tmp_path / "job.html"
    assert main(["report", "a-b", "--to", str(file)]) == 0
    page = file.read_text()
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)[0])
    assert data["jobId"] == "a-b"
    assert {"jobs/a-b", "jobs/a-b/usage", "jobs/a-b/failures"} <= data["answers"].keys()
    assert "jobs/a-b/timeline" not in data["answers"]  # this app has none
    assert data["answers"]["jobs/a-b"]["metadata"]["user"] == "</script><b>ada"
    assert main(["report", "none"]) == 102
    assert main(["open", "a-b"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("/api/dashboard?job=a-b")
