"""The commands that call an app: what they send, print and return, whatever the app answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from batchmgr.cli import main
from batchmgr.devstack.tcp_ports import free_port
from tests.simulation.test_earlier_job import TIMELINE


class App:
    """An app that gives one answer, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.asked: list[tuple[str, str, str]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                key = self.headers.get("x-functions-key", "")
                app.asked.append((self.command, self.path, key))
                self.send_response(app.status)
                self.end_headers()
                self.wfile.write(app.body)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.delenv("BATCHMGR_FUNCTION_KEY", raising=False)
    app = App()
    thread = threading.Thread(target=app.server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("BATCHMGR_URL", app.url)
    yield app
    app.server.shutdown()
    thread.join()
    app.server.server_close()


LETTERS = {
    "deadLetters": [
        {
            "id": "1",
            "kind": "callback",
            "time": "2026-11-28T10:00:00Z",
            "reason": "answered 500",
            "jobId": "a",
            "receiver": "h:443",
        },
        {
            "id": "2",
            "kind": "message",
            "time": "2026-11-28T09:00:00Z",
            "reason": "no JSON",
            "queue": "q",
            "messageId": "m",
        },
    ],
    "nextLink": "…",
}


def test_dead_letters_are_listed_line_by_line(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.body = json.dumps(LETTERS).encode()
    assert main(["dead-letters", "--limit", "2", "--key", "k"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-28T10:00:00Z  the callback of job a to h:443: answered 500",
        "2026-11-28T09:00:00Z  message m in q: no JSON",
        "There are more: give a higher --limit, or read the pages of GET /api/dead-letters.",
    ]
    assert app.asked == [("GET", "/api/dead-letters?limit=2", "k")]
    assert main(["dead-letters", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == LETTERS
    app.body = b'{"deadLetters": []}'
    assert main(["dead-letters"]) == 0
    assert capsys.readouterr().out == "There are no dead letters.\n"


def test_redrive_says_what_it_has_done(
    app: App, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHMGR_FUNCTION_KEY", "secret")
    app.status, app.body = 202, b'{"jobId": "A", "statusUri": "https://x"}'
    assert main(["redrive", "a/b"]) == 0
    assert capsys.readouterr().out == "The callback of job A is sent again. Follow it: https://x\n"
    assert app.asked == [("POST", "/api/jobs/a%2Fb/redrive", "secret")]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (409, b'{"detail": "Job \'a\' has no callback."}', "Job 'a' has no callback. (status 409)"),
        (401, b"", "give a function key of the app with --key (status 401)"),
        (500, b"<html>", "Internal Server Error (status 500)"),
        (200, b"<html>", "does not answer as batchmgr does: is --url right?"),
        (200, b"[]", "does not answer as batchmgr does: is --url right?"),
    ],
)
def test_what_the_app_does_not_do_is_an_error(
    app: App, status: int, body: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app.status, app.body = status, body
    assert main(["redrive", "a"]) == 1
    assert said in capsys.readouterr().err


def test_an_app_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redrive", "a", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "can't be reached" in capsys.readouterr().err
    assert main(["redrive", "a", "--url", "ftp://x"]) == 1
    assert "is no http or https address" in capsys.readouterr().err


def test_a_simulation_reads_the_timeline_of_an_earlier_job(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.body = json.dumps(TIMELINE).encode()
    assert main(["simulate", "--like", "kmers 1", "--runs", "2"]) == 0
    assert app.asked == [("GET", "/api/jobs/kmers%201/timeline", "")]
    assert "kmers-001 on its 2 nodes of 2 slots: predicted" in capsys.readouterr().out
