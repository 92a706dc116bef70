"""Files that are fetched and sent: no name leads out of its folder."""

from pathlib import Path

import pytest

from batchmgr.cli import main
from tests.cli.job_with_logs import with_logs
from tests.client.stand_in_app import StandInApp

Capture = pytest.CaptureFixture[str]


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
