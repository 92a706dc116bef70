"""Tests the callback and webhooks of a local run with a real HTTP receiver."""

import http.server
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.dispatcher.run_local_job import run_local_job
from batchmgr.dispatcher.terminal_output import TerminalOutput
from batchmgr.model.job_record import JobRecord
from batchmgr.wire.job_message import decode_job
from tests.dispatcher.conftest import Local
from tests.dispatcher.letters import LettersWorkload
from tests.fakes import FakeClock
from tests.integration.messages import job, task


@dataclass(kw_only=True)
class Receiver:
    """The calls received so far, and the HTTP statuses of the next answers."""

    uri: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver in a thread of its own, because the job runs in the main thread."""
    received = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.calls.append((self.headers["webhook-id"], json.loads(body)))
            self.send_response(received.statuses.pop(0) if received.statuses else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        received.uri = f"http://127.0.0.1:{server.server_port}/done?token=secret"
        yield received
        server.shutdown()
        thread.join()


def run(tmp_path: Path, uri: str, out: StringIO) -> JobRecord:
    message = decode_job(json.dumps(job("calls", task("1"), callBackUri=uri)).encode())
    directory = RunDirectory(tmp_path / "run")
    return run_local_job(
        LettersWorkload(), message, directory, tmp_path / "in", TerminalOutput(out), FakeClock()
    )


def test_the_callback_has_the_body_that_is_written_to_the_file(local: Local, receiver: Receiver) -> None:
    run = local({"does": "refuse"}, args=("--callback", receiver.uri))
    assert receiver.calls == [("msg_letters", run.callback)]
    assert run.callback["StatusCode"] == "422"
    assert run.callback["Error"]["ErrorCode"] == "InvalidInputError"
    assert "The callback was delivered." in run.out
    kept = "".join(path.read_text() for path in run.directory.rglob("*.json*"))
    assert "secret" not in kept + run.out + run.err


def test_a_callback_that_fails_is_tried_again(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses += [503, 500]
    out = StringIO()
    record = run(tmp_path, receiver.uri, out)
    assert [webhook_id for webhook_id, _ in receiver.calls] == ["msg_calls"] * 3
    assert record.callback is not None
    assert record.callback.state == "delivered"
    assert "the callback is tried again in 5 s." in out.getvalue()


def test_a_callback_that_always_fails_is_tried_three_times_and_does_not_change_the_outcome(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses += [503] * 9
    out = StringIO()
    assert run(tmp_path, receiver.uri, out).state == "succeeded"
    assert len(receiver.calls) == 3
    assert "The callback was not delivered: " in out.getvalue()
    assert "secret" not in out.getvalue()


def test_webhooks_get_the_events_that_they_have_chosen_while_the_job_runs(
    local: Local, receiver: Receiver
) -> None:
    hooks = [f"{receiver.uri}&hook={number}" for number in (1, 2)]
    args = ("--webhook", hooks[0], "--webhook", hooks[1], "task.succeeded", "job.succeeded")
    run = local({}, {}, args=args)
    calls: dict[str, list[Any]] = {}
    for webhook_id, body in receiver.calls:
        calls.setdefault(webhook_id.rpartition(":")[0], []).append(body)
    first, second = ([event for batch in one for event in batch] for one in calls.values())
    assert list(calls) == ["msg_letters:webhook-0", "msg_letters:webhook-1"]
    assert first == [event for event in run.events if ".job." in event["type"]]
    chosen = {"batchmgr.task.succeeded", "batchmgr.job.succeeded"}
    assert second == [event for event in run.events if event["type"] in chosen]
    assert len(calls["msg_letters:webhook-0"]) > 1  # not all at the end
    assert "secret" not in run.out + run.err


def test_a_webhook_that_always_fails_is_given_up_and_does_not_change_the_outcome(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses += [503] * 9
    out = StringIO()
    message = decode_job(json.dumps({**job("told", task("1")), "webhooks": [{"uri": receiver.uri}]}).encode())
    directory = RunDirectory(tmp_path / "run")
    terminal = TerminalOutput(out)
    record = run_local_job(LettersWorkload(), message, directory, tmp_path / "in", terminal, FakeClock())
    assert record.state == "succeeded"
    assert len(receiver.calls) == 3
    assert {webhook_id for webhook_id, _ in receiver.calls} == {"msg_told:webhook-0:1"}
    assert "the webhook is tried again in 30 s." in out.getvalue()
    assert "The webhook to 127.0.0.1:" in out.getvalue()
    assert "secret" not in out.getvalue()
