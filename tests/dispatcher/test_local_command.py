"""Tests the errors of `python -m <workload> local`, and the directories of its runs."""

import http.server
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from batchmgr.dispatcher.run_directory import RunDirectory
from tests.dispatcher.conftest import Local

STORAGE = Path("batchmgr-local") / "storage"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--inputs", "{"), "--inputs: must be JSON"),
        (("--inputs", "[1]"), "--inputs: must be a JSON object"),
        (("--inputs", "@none.json"), "none.json cannot be read"),
        (("--job-id", "a/b"), "--job-id: must be 1 to 64 of"),
        (("--callback", "ftp://x"), "callBackUri: must be an absolute http or https URL"),
        (("--callback", "http://example.com/"), "callBackUri: must be https"),
        (("--notify", "everything"), "notify[0]: must be a pattern"),
        (("--inputs", "{}"), "made a job without tasks"),
        (("--inputs", '{"stray": true}'), "task type StrayTask is not registered; add self._entry"),
        (("--inputs", '{"broken": true}'), "workload 'letters' raised KeyError: 'letters' ("),
    ],
)
def test_an_error_is_reported_in_one_line_before_anything_runs(
    local: Local, arguments: tuple[str, ...], said: str
) -> None:
    run = local({}, args=arguments)
    assert (run.code, run.out) == (2, "")
    assert said in run.err
    assert len(run.err.splitlines()) == 1
    assert not run.directory.exists()


def test_an_error_in_create_job_is_reported_with_file_and_line(local: Local) -> None:
    assert "letters.py, line " in local(broken=True).err


def test_a_wrong_option_gets_a_usage_message(local: Local) -> None:
    run = local(args=("--speed", "9"))
    assert run.code == 2
    assert run.err.startswith("usage: python3 -m letters")
    help_text = local(args=("--help",))
    assert help_text.code == 0
    assert "--inputs JSON|@FILE" in help_text.out


def test_inputs_may_come_from_a_file(local: Local) -> None:
    Path("inputs.json").write_text(json.dumps({"tasks": [{"name": "from the file"}]}))
    assert "from the file" in local(args=("--inputs", "@inputs.json")).out


def test_a_missing_blob_is_reported_with_the_path_to_put_it(local: Local, tmp_path: Path) -> None:
    tasks = [{"does": "join", "in": {"x.txt": "letters/a.txt"}, "out": {"joined": ["all"]}}] * 2
    run = local(*tasks)
    place = tmp_path / STORAGE / "letters" / "a.txt"
    assert run.code == 2
    assert run.err == (
        "letters local: not in local storage: letters/a.txt. "
        f"Put the file at {place}, or choose another --storage\n"
    )
    place.parent.mkdir(parents=True)
    place.write_text("A")
    assert local(*tasks).blob("all") == "x.txt=A;"


def test_blobs_are_looked_for_in_the_storage_that_is_named(local: Local, tmp_path: Path) -> None:
    for name in ("letters/a.txt", "@other/letters/b.txt"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(name)
    files = {"a.txt": "letters/a.txt", "b.txt": "other@letters/b.txt"}
    run = local({"does": "join", "in": files, "out": {"joined": ["all"]}}, args=("--storage", "mine"))
    assert run.blob("all") == "a.txt=letters/a.txt;b.txt=@other/letters/b.txt;"


def test_a_blob_that_a_task_should_have_left_fails_the_task_that_needs_it(local: Local) -> None:
    run = local({"out": {"none.txt": ["a"]}}, {"after": [1], "in": {"a.txt": "/a"}})
    assert run.code == 1
    [failed] = run.outcome["failedTasks"]
    assert failed["error"]["type"] == "BlobNotFound"
    assert failed["error"]["message"] == "job-letters/a is not in storage: no task has written it"


def test_a_second_run_removes_the_files_of_the_first_and_says_so(local: Local) -> None:
    first = local({"does": "write", "files": {"old.txt": "old"}, "out": {"old.txt": ["old"]}})
    assert first.blob("old") == "old"
    second = local({})
    assert (
        "Job letters, in batchmgr-local/letters; the files of the earlier run there were removed"
        in second.out
    )
    assert not (second.directory / "storage" / "job-letters" / "old").exists()
    assert second.types[0] == "job.queued"
    assert second.types.count("job.queued") == 1


def test_a_run_that_cannot_start_leaves_the_files_of_the_earlier_one(local: Local) -> None:
    local({})
    assert local(broken=True).types[-1] == "job.succeeded"


def test_a_directory_of_other_things_is_not_touched(local: Local, tmp_path: Path) -> None:
    (tmp_path / "mine" / "tasks").mkdir(parents=True)
    run = local({}, args=("--directory", "mine"))
    assert run.code == 2
    assert "mine holds other files than those of a run; choose an empty directory with --directory" in run.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["tasks"]


def test_the_directory_of_a_running_job_is_refused(local: Local, tmp_path: Path) -> None:
    local({})
    with RunDirectory(tmp_path / "batchmgr-local" / "letters").prepared("letters", tmp_path / "inputs"):
        run = local({})
    assert run.code == 2
    assert "another run is using" in run.err
    assert local({}).code == 0


def test_what_a_user_adds_to_a_runs_directory_stays(local: Local, tmp_path: Path) -> None:
    local({}, args=("--directory", "mine"))
    (tmp_path / "mine" / "notes.txt").write_text("good run")
    assert local({}, args=("--directory", "mine")).code == 0
    assert (tmp_path / "mine" / "notes.txt").read_text() == "good run"


def test_storage_that_would_be_emptied_is_refused(local: Local) -> None:
    run = local({}, args=("--directory", "mine", "--storage", "mine/storage"))
    assert run.code == 2
    assert "is emptied at the beginning of each run" in run.err


def test_a_directory_that_cannot_be_created_is_reported(local: Local, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = local({}, args=("--directory", "file/run"))
    assert run.code == 2
    assert "file/run can't be used: Not a directory" in run.err


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server with one file, `a.txt`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_there = self.path.startswith("/a.txt")
            self.send_response(200 if is_there else 404)
            self.end_headers()
            self.wfile.write(b"from the web" if is_there else b"")

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_from_the_web_are_downloaded(local: Local, web: str) -> None:
    run = local({"does": "join", "in": {"a.txt": f"{web}/a.txt?sig=secret"}, "out": {"joined": ["all"]}})
    assert run.blob("all") == "a.txt=from the web;"
    run = local({"in": {"a.txt": f"{web}/b.txt?sig=secret"}})
    assert run.outcome["failedTasks"][0]["error"]["message"] == (
        f"{web}/b.txt can't be downloaded: HTTP status 404"
    )
    assert "secret" not in run.out


def test_without_the_control_planes_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from batchmgr import Application, WorkloadBase\n"
        "class Letters(WorkloadBase): ...\n"
        "Application(Letters()).run(['local'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'batchmgr[app,local]' (msgspec is missing)" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_job_and_what_its_tasks_have_published_are_printed(local: Local) -> None:
    told = local(tasks=[{"does": "report"}])
    assert (told.out + told.err).startswith("Job letters, in batchmgr-local/letters")
    assert 'Published by tasks:\n  1: {"letters":26}\n' in told.out + told.err
