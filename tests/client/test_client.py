"""The clients, over HTTP, against an app that follows the contract."""

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from batchmgr.client import AppError, AppUnavailableError, AsyncClient, Client, NotFoundError
from batchmgr.devstack.tcp_ports import free_port
from tests.client.stand_in_app import StandInApp, problem

MESSAGE = {"tasks": [{"id": "a", "commandLine": "true"}]}


@pytest.fixture
def client(app: StandInApp) -> Iterator[Client]:
    with Client(app.url, key="secret", patience_s=5) as opened:
        yield opened


class Troubles:
    """Answers the first requests to a path with these responses; None loses the connection after the work."""

    def __init__(self, path: str, *answers: web.Response | None) -> None:
        self.path, self.answers = path, list(answers)

    def __call__(self, request: web.Request) -> web.StreamResponse | None:
        if request.path != self.path or not self.answers:
            return None
        answer = self.answers.pop(0)
        if answer is None and request.transport is not None:
            request.transport.close()
        return answer


def test_a_job_without_an_id_that_is_sent_again_is_one_job(app: StandInApp, client: Client) -> None:
    app.trouble = Troubles(
        "/api/jobs", problem(503, "ServiceBusy", "busy"), None, problem(429, "Busy", "busy")
    )
    accepted = client.submit(MESSAGE)
    assert len(app.jobs) == 1
    keys = {
        headers["Idempotency-Key" if "Idempotency-Key" in headers else "idempotency-key"]
        for _, _, headers in app.asked
    }
    assert (len(app.asked), len(keys)) == (4, 1)
    assert client.submit(MESSAGE).job_id != accepted.job_id
    assert (
        client.submit(MESSAGE, idempotency_key="k").job_id
        == client.submit(MESSAGE, idempotency_key="k").job_id
    )


def test_a_message_that_is_wrong_says_all_that_is_wrong(client: Client) -> None:
    with pytest.raises(AppError, match=r"task: unknown field \(status 400\)") as caught:
        client.submit({"task": []})
    assert (caught.value.code, caught.value.status) == ("InvalidJob", 400)
    assert caught.value.problems == ("task: unknown field", "tasks: is missing")


def test_a_large_message_is_uploaded_and_the_key_of_the_app_is_not_sent_to_storage(
    app: StandInApp, client: Client
) -> None:
    body = json.dumps({**MESSAGE, "metadata": {"long": "x" * 9_000_000}}).encode()
    client.submit(body)
    assert app.uploaded == {"batchmgr-requests/1": body}
    (put,) = [headers for method, _, headers in app.asked if method == "PUT"]
    assert "secret" not in str(put)
    assert put["x-ms-blob-type"] == "BlockBlob"


def test_a_message_that_is_too_large_for_the_app_is_uploaded(app: StandInApp, client: Client) -> None:
    app.trouble = Troubles("/api/jobs", problem(413, "BodyTooLarge", "too large"))
    assert client.submit(MESSAGE).job_id
    assert list(app.uploaded) == ["batchmgr-requests/1"]


def test_answers_are_typed_and_what_is_new_in_them_is_ignored(app: StandInApp, client: Client) -> None:
    app.add("a", metadata={"user": "ada"}, waitingFor={"code": "Quota", "reason": "full", "place": 2})
    job = client.job("a")
    assert (job.job_id, job.counts.running, job.metadata, job.is_final) == ("a", 1, {"user": "ada"}, False)
    assert job.waiting_for is not None
    assert job.waiting_for.place == 2
    with pytest.raises(NotFoundError, match="no job 'b'"):
        client.job("b")


def test_pages_are_followed_at_the_address_that_the_caller_knows(app: StandInApp, client: Client) -> None:
    for number in range(5):
        app.add(f"j{number}")
    assert [job.job_id for job in client.jobs(page_size=2)] == ["j4", "j3", "j2", "j1", "j0"]
    assert client.newest_job().job_id == "j4"
    app.page = 2
    app.jobs["j0"].tasks = [{"taskId": f"t {n}", "state": "running"} for n in range(5)]
    assert [task.task_id for task in client.tasks("j0")] == [f"t {n}" for n in range(5)]


def test_tasks_are_chosen_by_what_they_are(app: StandInApp, client: Client) -> None:
    app.add("a").tasks = [
        {"taskId": "1", "state": "completed", "result": "failure", "exitCode": 3, "kind": "count"},
        {"taskId": "2", "state": "completed", "result": "success", "exitCode": 0, "kind": "count"},
        {"taskId": "3", "state": "running", "kind": "merge"},
    ]
    assert [(task.task_id, task.word) for task in client.tasks("a", state="failed")] == [("1", "failed")]
    assert [task.word for task in client.tasks("a", kind="merge")] == ["running"]
    list(client.tasks("a", exit_code=0, node="n", error="ValueError"))
    assert app.paths()[-1] == "GET /api/jobs/a/tasks?exitCode=0&error=ValueError&node=n&limit=1000"


@pytest.mark.parametrize("old", [False, True])
def test_whoever_waits_gets_the_outcome_from_a_new_and_from_an_old_app(
    app: StandInApp, client: Client, old: bool
) -> None:
    app.add("a")
    app.old = old
    polls = iter(range(100))

    def trouble(request: web.Request) -> None:
        if old and next(polls) == 1:
            app.end("a")

    app.trouble = trouble
    app.on_wait = lambda: app.end("a")
    outcome = client.wait("a", timeout_s=30)
    assert (outcome.state, outcome.succeeded, outcome.counts.succeeded) == ("succeeded", True, 3)
    assert app.paths()[0] == "GET /api/jobs/a/result?wait=30"


def test_the_end_of_a_job_is_waited_for_through_a_restart_of_the_app(app: StandInApp) -> None:
    app.add("a")
    app.trouble = Troubles("/api/jobs/a/result", None, None, problem(502, "", "starting"), None)
    app.on_wait = lambda: app.end("a")
    told: list[str] = []
    with Client(app.url, patience_s=5, report=lambda why, pause: told.append(why)) as client:
        assert client.wait("a").succeeded
    assert len(told) == 4
    assert "can't be reached" in told[0]


def test_a_wait_has_an_end_and_says_that_the_job_goes_on(app: StandInApp, client: Client) -> None:
    app.add("a")
    for wait in (client.wait, lambda *args, **named: list(client.watch(*args, **named))):
        with pytest.raises(TimeoutError, match=r"job a has not ended after 0\.3 seconds; it goes on"):
            wait("a", timeout_s=0.3)


@pytest.mark.parametrize("old", [False, True])
def test_a_watched_job_is_given_once_for_each_change(app: StandInApp, client: Client, old: bool) -> None:
    app.old = old
    app.add("a", "queued")
    states = []
    app.on_wait = lambda: (
        app.end("a") if app.jobs["a"].body["state"] == "running" else app.change("a", state="running")
    )
    for job in client.watch("a", timeout_s=20):
        states.append(job.state)
        if old:
            app.on_wait()
    assert states == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("old", [False, True])
def test_events_are_followed_to_the_last_each_once(app: StandInApp, client: Client, old: bool) -> None:
    app.old = old
    app.add("a")
    for number in range(5):
        app.tell("a", "job.progress", number=number)
    app.jobs["a"].events.append(app.jobs["a"].events[0])  # a step that was repeated has logged it again
    seen = []
    for event in client.events("a", follow=True):
        seen.append(event.type)
        if len(seen) == 5:
            app.end("a")
    assert seen == ["batchmgr.job.progress"] * 5 + ["batchmgr.job.succeeded"]
    assert next(event.data for event in client.events("a", after=3)) == {"number": 3}


def test_a_log_is_followed_from_before_its_start_to_the_end_of_its_task(
    app: StandInApp, client: Client
) -> None:
    job = app.add("a")
    task = {"taskId": "t", "state": "running"}
    job.tasks = [task]
    texts = iter([b"", b"one\n", b"one\ntwo\n", b"one\ntwo\n"])

    def grow() -> None:
        text = next(texts, None)
        if text is None:
            task["state"] = "completed"
        else:
            job.files["t", "stdout.txt"] = text

    grow()
    del job.files["t", "stdout.txt"]
    app.on_wait = grow
    assert b"".join(client.log("a", "t", follow=True)) == b"one\ntwo\n"


def test_the_end_of_a_log_is_its_last_lines(app: StandInApp, client: Client) -> None:
    job = app.add("a")
    job.files["t", "stdout.txt"] = b"".join(b"%d\n" % number for number in range(1000))
    assert b"".join(client.log("a", "t", tail=2)) == b"998\n999\n"
    job.files["t", "stderr.txt"] = b""
    assert list(client.log("a", "t", "stderr.txt")) == []
    with pytest.raises(NotFoundError, match="no such file"):
        list(client.log("a", "t", "none.txt"))


def test_a_long_log_comes_in_parts(app: StandInApp, client: Client) -> None:
    text = bytes(range(256)) * 40_000
    app.add("a").files["t", "out/x y"] = text
    parts = list(client.log("a", "t", "out/x y"))
    assert b"".join(parts) == text
    assert len(parts) == 3


def test_a_result_is_downloaded_in_parts_and_the_part_that_is_there_is_gone_on_with(
    app: StandInApp, client: Client, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 80_000
    app.add("a").results["big.bin"] = content
    target = tmp_path / "to" / "big.bin"
    target.parent.mkdir()
    part = target.with_name("big.bin.part")
    part.write_bytes(content[:1000])
    steps = []
    for step in client.download_result("a", "big.bin", target):
        assert part.exists() or step.done == step.total
        assert not target.exists()
        steps.append(step.done)
    assert target.read_bytes() == content
    assert not part.exists()
    assert steps[-1] == len(content)
    assert len(steps) == 3
    assert all("secret" not in str(headers) for _, path, headers in app.asked if path.startswith("/blobs"))
    ranges = [
        headers["Range"] if "Range" in headers else headers["range"]
        for _, path, headers in app.asked
        if path.startswith("/blobs")
    ]
    assert ranges[0].startswith("bytes=1000-")


def test_a_part_of_an_older_file_is_thrown_away(app: StandInApp, client: Client, tmp_path: Path) -> None:
    import os

    app.add("a").results["x"] = b"new content"
    part = tmp_path / "x.part"
    part.write_bytes(b"old")
    os.utime(part, (0, 0))
    list(client.download_result("a", "x", tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"new content"


def test_an_empty_result_and_one_that_is_there_already_become_files(
    app: StandInApp, client: Client, tmp_path: Path
) -> None:
    job = app.add("a")
    job.results |= {"empty": b"", "whole": b"abc"}
    (tmp_path / "whole.part").write_bytes(b"abc")
    for name in job.results:
        list(client.download_result("a", name, tmp_path / name))
        assert (tmp_path / name).read_bytes() == job.results[name]
    job.files["t", "wd/x"] = b"xyz"
    list(client.download_task_file("a", "t", "wd/x", tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"xyz"


def test_a_signature_that_has_ended_is_asked_for_again(
    app: StandInApp, client: Client, tmp_path: Path
) -> None:
    app.add("a").results["x"] = b"abc"
    app.trouble = Troubles("/blobs/x", web.Response(status=403))
    list(client.download_result("a", "x", tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_a_job_is_deleted_though_the_answer_is_lost_or_late(app: StandInApp, client: Client) -> None:
    app.add("a", "succeeded")
    app.trouble = Troubles("/api/jobs/a", web.Response(status=202, headers={"Retry-After": "0"}))
    client.purge("a")
    assert app.jobs == {}
    with pytest.raises(NotFoundError):
        client.purge("a")
    app.trouble = Troubles("/api/jobs/a", None)  # the job was deleted, and nobody knows
    client.purge("a")


def test_a_callback_that_was_sent_again_is_no_error_if_the_answer_was_lost(
    app: StandInApp, client: Client
) -> None:
    app.add("a", "failed", callback={"state": "dead"})
    assert client.redrive("a").job_id == "a"
    with pytest.raises(AppError, match="no callback"):
        client.redrive("a")
    app.trouble = Troubles("/api/jobs/a/redrive", None)
    assert client.redrive("a").job_id == "a"


def test_jobs_are_cancelled_and_run_again(app: StandInApp, client: Client) -> None:
    app.add("a")
    assert client.cancel("a").state == "cancelled"
    assert client.rerun("a").job_id == "a-rerun-1"
    assert client.rerun("a", tasks="all", new_job_id="b", callback_uri="", idempotency_key="k").job_id == "b"


def test_a_file_is_uploaded_for_tasks(app: StandInApp, client: Client, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("hello")
    assert client.upload(tmp_path / "in.txt") == "inputs/in.txt"
    assert client.upload(tmp_path / "in.txt", "data", "a/b c.txt") == "data/a/b c.txt"
    assert app.uploaded == {"inputs/in.txt": b"hello", "data/a/b c.txt": b"hello"}


def test_failures_dead_letters_and_files_are_read(app: StandInApp, client: Client) -> None:
    job = app.add("a")
    job.groups = [
        {"type": "ValueError", "message": "no", "count": 4000, "tasks": ["1", "2"], "firstTask": "1"}
    ]
    job.files["t", "stdout.txt"] = b"hi"
    job.tasks = [{"taskId": "t", "state": "running"}]
    assert client.failures("a").groups[0].count == 4000
    assert client.task_files("a", "t").files[0].size == 2
    assert client.task("a", "t").state == "running"
    app.letters = [{"id": str(number), "kind": "message"} for number in range(3)]
    assert [letter.id for letter in client.dead_letters(page_size=2)] == ["0", "1", "2"]


def test_the_key_goes_to_the_app_and_is_not_shown(app: StandInApp, client: Client) -> None:
    app.add("a")
    client.job("a")
    assert app.asked[0][2]["x-functions-key"] == "secret"
    assert "secret" not in repr(client.address)


@pytest.mark.parametrize("end", ["", "/", "/api", "/api/"])
def test_the_address_may_have_api_at_its_end(app: StandInApp, end: str) -> None:
    app.add("a")
    with Client(app.url + end) as client:
        assert client.job("a").job_id == "a"


def test_what_is_no_app_is_an_error() -> None:
    with (
        Client(f"http://127.0.0.1:{free_port()}", patience_s=0) as client,
        pytest.raises(AppUnavailableError, match="can't be reached"),
    ):
        client.job("a")
    with pytest.raises(AppError, match="no http or https address"):
        Client("ftp://x")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, "<html>", "does not answer as batchmgr does"),
        (401, "", "function key"),
        (500, "<html>", "no reason"),
    ],
)
def test_what_does_not_answer_as_batchmgr_does_is_an_error(
    app: StandInApp, client: Client, status: int, body: str, said: str
) -> None:
    app.trouble = lambda request: web.Response(status=status, text=body)
    with pytest.raises(AppError, match=said):
        client.job("a")


async def test_the_async_client_does_the_same(app: StandInApp, tmp_path: Path) -> None:
    app.trouble = Troubles("/api/jobs", problem(503, "ServiceBusy", "busy"))
    async with AsyncClient(app.url, key="secret") as client:
        job_id = (await client.submit(MESSAGE)).job_id
        app.on_wait = lambda: app.end(job_id)
        app.tell(job_id, "job.queued")
        followed = [event.type async for event in client.events(job_id, follow=True)]
        assert followed == ["batchmgr.job.queued", "batchmgr.job.succeeded"]
        assert (await client.wait(job_id, progress=True)).succeeded
        app.jobs[job_id].results["x"] = b"abc"
        assert [step.total async for step in client.download_result(job_id, "x", tmp_path / "x")] == [3]
        assert await client.upload(tmp_path / "x") == "inputs/x"
        assert app.uploaded["inputs/x"] == b"abc"
        assert [job.job_id async for job in client.jobs()] == [job_id]
        await client.purge(job_id)
        with pytest.raises(NotFoundError):
            await client.job(job_id)


async def test_a_wait_that_is_cancelled_ends(app: StandInApp) -> None:
    app.add("a")
    async with AsyncClient(app.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.wait("a")
        assert (await client.job("a")).state == "running"


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type[Any]) -> dict[str, str]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: str(inspect.signature(one)).replace("Async", "") for name, one in found if name[0] != "_"
        }

    assert methods(Client) == methods(AsyncClient)


def test_a_bar_is_drawn_for_whoever_asks(
    app: StandInApp, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    app.add("a")
    app.on_wait = lambda: app.end("a", "partial", 2, 1)
    assert client.wait("a", progress=True).state == "partial"
    assert "a partial, 1 failed" in capsys.readouterr().out
