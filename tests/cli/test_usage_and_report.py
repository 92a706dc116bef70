"""What jobs have used, and what is shown of one outside the terminal."""

import json
import re
from pathlib import Path

import pytest
from aiohttp import web

from batchmgr.cli import main
from tests.client.stand_in_app import StandInApp
from tests.simulation.test_earlier_job import TIMELINE

Capture = pytest.CaptureFixture[str]
DATA = r'<script type="application/json" id="data">(.*?)</script>'


def test_the_address_of_a_job_is_printed(app: StandInApp, capsys: Capture) -> None:
    assert main(["open", "a", "--url", f"{app.url}/api/"]) == 0
    assert capsys.readouterr().out == f"{app.url}/api/dashboard?job=a\n"


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
    data = json.loads(re.findall(DATA, page)[0])
    assert data["jobId"] == "a-b"
    assert {"jobs/a-b", "jobs/a-b/usage", "jobs/a-b/failures"} <= data["answers"].keys()
    assert "jobs/a-b/timeline" not in data["answers"]  # this app has none
    assert data["answers"]["jobs/a-b"]["metadata"]["user"] == "</script><b>ada"
    assert "prediction" not in data
    assert main(["report", "none"]) == 102
    assert main(["open", "a-b"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("/api/dashboard?job=a-b")


SIMULATE = ["simulate", "--tasks", "4", "--duration", "1m", "--nodes", "2", "--runs", "1", "-o"]


def test_a_report_has_the_prediction_that_is_laid_over_the_job(
    app: StandInApp, tmp_path: Path, capsys: Capture
) -> None:
    app.add("a")
    assert main([*SIMULATE, "json"]) == 0
    file = tmp_path / "simulation.json"
    file.write_text(capsys.readouterr().out)
    assert main(["report", "a", "--prediction", str(file)]) == 0
    data = json.loads(re.findall(DATA, capsys.readouterr().out)[0])
    assert data["prediction"] == json.loads(file.read_text())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"no JSON", "is not a simulation: `batchmgr simulate \u2026 -o json` writes one."),
        (b"\xff\xfe", "is not a simulation"),
        (b"[]", "is not a simulation"),
        (b'{"kind": "batchmgr.simulation", "version": 2}', "of version 2, and this batchmgr reads version 1"),
        (
            b'{"kind": "batchmgr.simulation", "version": 1}',
            "is a damaged simulation: Object missing required",
        ),
        (None, "No such file"),
    ],
)
def test_what_is_no_prediction_is_refused_before_the_app_is_asked(
    app: StandInApp, tmp_path: Path, capsys: Capture, text: bytes | None, said: str
) -> None:
    file = tmp_path / "other.json"
    if text is not None:
        file.write_bytes(text)
    assert main(["report", "none", "--prediction", str(file)]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_a_simulation_is_a_page_of_its_own(capsys: Capture) -> None:
    assert main([*SIMULATE, "html"]) == 0
    data = json.loads(re.findall(DATA, capsys.readouterr().out)[0])
    assert set(data) == {"madeAt", "simulation"}
    assert main([*SIMULATE, "json"]) == 0
    assert data["simulation"] == json.loads(capsys.readouterr().out)
