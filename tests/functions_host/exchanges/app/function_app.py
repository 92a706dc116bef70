"""The app of the recordings: functions that return what they got, give odd answers, or note that they ran.

Settings: `Tick`, the schedule of the timer; `RUN_LOG`, a file that gets a line of JSON for each run of the
functions that are not plain HTTP. The names and routes are those of the recorded app.
"""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import azure.functions as func
from azure.functions import HttpRequest, HttpResponse

STORAGE = "AzureWebJobsStorage"

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def note(event: str, **facts: Any) -> None:
    """Append one line to the run log."""
    path = os.environ.get("RUN_LOG")
    if path:
        line = {"time": time.time(), "pid": os.getpid(), "event": event, **facts}
        with open(path, "a") as log:
            log.write(json.dumps(line) + "\n")


# Functions that return their request.


def _register_echo(
    name: str,
    route: str | None,
    methods: list[str] | None = None,
    level: func.AuthLevel = func.AuthLevel.ANONYMOUS,
) -> None:
    def echo(req: HttpRequest) -> HttpResponse:
        body = req.get_body()
        request = {
            "function": name,
            "method": req.method,
            "url": req.url,
            "query": dict(req.params),
            "route": dict(req.route_params),
            "headers": dict(req.headers),
            "length": len(body),
            "body": body[:400].decode("latin-1"),
        }
        return HttpResponse(json.dumps(request, sort_keys=True), mimetype="application/json")

    echo.__name__ = name
    app.function_name(name)(app.route(route=route, methods=methods, auth_level=level)(echo))


_register_echo("echo", "echo/{*rest}")
_register_echo("item", "items/{id}", ["GET", "PUT"])
_register_echo("item_remove", "items/{id}", ["DELETE"])
# Two functions match `one/readme`, and two match `two/readme`: which one runs depends on their names.
_register_echo("a_catch_all", "one/{*path}")
_register_echo("b_literal", "one/readme")
_register_echo("a_literal", "two/readme")
_register_echo("b_catch_all", "two/{*path}")
_register_echo("a_free", "three/{id}")
_register_echo("b_number", "three/{id:int}")
_register_echo("optional", "optional/{name?}")
_register_echo("number", "number/{n:int}")
_register_echo("dotted", "v1.0/it.em")
_register_echo("pair", "pair/{a}.{b}")
_register_echo("mixed", "Mixed/Case/{Id}")
_register_echo("no_route", None)
_register_echo("empty_route", "")
_register_echo("for_keys", "level/function", level=func.AuthLevel.FUNCTION)
_register_echo("for_admin", "level/admin", level=func.AuthLevel.ADMIN)


# Functions that answer by name.


def _header(name: str, value: str) -> Callable[[HttpRequest], HttpResponse]:
    return lambda _: HttpResponse("x", headers={name: value})


ANSWERS: dict[str, Callable[[HttpRequest], Any]] = {
    "str": lambda _: "plain text é",
    "json_text": lambda _: '{"b":1,"a":[1,2],"t":"é"}',
    "bytes": lambda _: b"\x00\xff bytes",
    "none": lambda _: None,
    "dict": lambda _: {"a": 1},
    "response_like": lambda _: json.dumps({"status": 201, "body": "made", "headers": {"X-A": "1"}}),
    "empty": lambda _: HttpResponse(),
    "text": lambda _: HttpResponse("text é"),
    "raw": lambda _: HttpResponse(b"\x00\xff"),
    "status": lambda req: HttpResponse("body", status_code=int(req.params["code_"])),
    "json": lambda _: HttpResponse('{"b":1,"a":2}', mimetype="application/json"),
    "latin": lambda _: HttpResponse("é", mimetype="text/html", charset="iso-8859-1"),
    "type_header": _header("Content-Type", "application/xml; charset=utf-16"),
    "odd_type": lambda _: HttpResponse("x", mimetype="nonsense"),
    "empty_type": lambda _: HttpResponse("x", mimetype=""),
    "headers": lambda _: HttpResponse(
        "x", headers={"X-Ab-Cd": "v", "Cache-Control": "no-store", "X-Empty": "", "Retry-After": "7"}
    ),
    "location": lambda _: HttpResponse(status_code=302, headers={"Location": "/api/echo/elsewhere?x=1 2"}),
    "utf8_header": _header("X-Name", "é中"),
    "newline_header": _header("X-Name", "a\r\nX-B: b"),
    "bad_header_name": _header("X Name", "a"),
    "length": lambda _: HttpResponse("four", headers={"Content-Length": "2"}),
    "chunked": lambda _: HttpResponse("four", headers={"Transfer-Encoding": "chunked"}),
    "gzip": lambda _: HttpResponse("four", headers={"Content-Encoding": "gzip"}),
    "server": lambda _: HttpResponse("x", headers={"Server": "mine", "Date": "never"}),
    "big": lambda _: HttpResponse("a" * 300_000),
    "www": lambda _: HttpResponse(status_code=401, headers={"WWW-Authenticate": 'Basic realm="r"'}),
    "cookie": _header("Set-Cookie", "a=1; Path=/p; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
    "cookie_plain": _header("Set-Cookie", "b=2"),
}


# The return type stays open: some answers are of types that the worker refuses.
def answer(req: HttpRequest):  # type: ignore[no-untyped-def]
    """Give the answer of that name; an unknown name raises KeyError."""
    return ANSWERS[req.route_params["kind"]](req)


async def answer_async(req: HttpRequest):  # type: ignore[no-untyped-def]
    """Give the answer of that name from an async function."""
    return ANSWERS[req.route_params["kind"]](req)


app.route(route="answer/{kind}")(answer)
app.route(route="answer-async/{kind}")(answer_async)


# Functions that take time, and triggers that are not HTTP.


class _Gauge:
    """Counts how many runs there are at once, and remembers the most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._running -= 1


_slow_runs = _Gauge()


def perform(text: str) -> None:
    """Carry out the steps in a text, such as `sleep:2,fail` or `exit:3`; other words do nothing."""
    for step in text.split(","):
        word, _, value = step.partition(":")
        if word == "sleep":
            time.sleep(float(value))
        elif word == "fail":
            raise ValueError("deliberate")
        elif word == "exit":
            os._exit(int(value or 1))


@app.route(route="slow")
def slow(req: HttpRequest) -> str:
    """Perform steps in a thread; return how many such calls ran at once so far."""
    text = req.params["do"]
    with _slow_runs:
        note("start", function="slow", text=text)
        perform(text)
    note("end", function="slow", text=text)
    return str(_slow_runs.most)


@app.route(route="slow-async")
async def slow_async(req: HttpRequest) -> str:
    """Sleep without holding a thread."""
    await asyncio.sleep(float(req.params["seconds"]))
    return "slept"


@app.queue_trigger(arg_name="message", queue_name="rec-in", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="rec-out", connection=STORAGE)
def from_queue(message: func.QueueMessage) -> str:
    """Perform a message's steps, then pass its text on to the queue `rec-out`."""
    text = message.get_body().decode()
    note("start", function="from_queue", text=text, count=message.dequeue_count)
    perform(text)
    note("end", function="from_queue", text=text, count=message.dequeue_count)
    return text


@app.timer_trigger(arg_name="timer", schedule="%Tick%")
def tick(timer: func.TimerRequest) -> None:
    """Note a tick."""
    note("tick", late=timer.past_due)


@app.blob_trigger(
    arg_name="blob",
    path="rec-blobs/{name}",
    connection=STORAGE,
    source=func.BlobSource.LOGS_AND_CONTAINER_SCAN,
)
def scanned(blob: func.InputStream) -> None:
    """Note a blob that a scan found."""
    note("blob", name=blob.name)


@app.blob_trigger(
    arg_name="blob", path="rec-events/{name}", connection=STORAGE, source=func.BlobSource.EVENT_GRID
)
def notified(blob: func.InputStream) -> None:
    """Note a blob that an event reported."""
    note("event blob", name=blob.name)
