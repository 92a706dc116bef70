"""The functions of the recorded host, in Python: they do the steps that their input lists.

README.md explains the steps. Each function prints its start and its end. The environment decides which
functions exist: see host_process.py.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import azure.functions as func

app = func.FunctionApp()
_attempts: dict[str, int] = {}


async def _run(function: str, text: str, tries: int, out: func.Out[str] | None = None, **shown: Any) -> None:
    """Do the steps in `text`, separated by commas. Print the start with what is `shown`, and the end."""
    _print("start", function, shown)
    outcome = "ok"
    try:
        for step in text.split(","):
            await _do(step.strip(), tries, out)
    except BaseException as error:
        outcome = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
        raise
    finally:
        _print("end", function, {"outcome": outcome})


async def _do(step: str, tries: int, out: func.Out[str] | None) -> None:
    name, _, argument = step.partition(":")
    if name in ("sleep", "block"):
        await _pause(int(argument) / 1000, cancellable=name == "sleep")
    elif name == "fail" or (name == "failuntil" and tries < int(argument)):
        raise RuntimeError("told to fail")
    elif name == "out" and out is not None:
        out.set(argument)


async def _pause(seconds: float, *, cancellable: bool) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            if cancellable:
                raise


def _print(event: str, function: str, fields: dict[str, Any]) -> None:
    line = {"event": event, "at": time.time(), "function": function, "fields": fields}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if "RECORDED_QUEUE" in os.environ:

    @app.queue_trigger(arg_name="msg", queue_name="%RECORDED_QUEUE%", connection="AzureWebJobsStorage")
    @app.queue_output(arg_name="out", queue_name="%RECORDED_OUT%", connection="AzureWebJobsStorage")
    async def OnQueue(msg: func.QueueMessage, out: func.Out[str]) -> None:  # noqa: N802
        body = msg.get_body().decode(errors="replace")
        tries = msg.dequeue_count or 0
        await _run("queue", body, tries, out, dequeueCount=tries, id=msg.id, body=body)


if "RECORDED_POISON" in os.environ:

    @app.queue_trigger(arg_name="msg", queue_name="%RECORDED_QUEUE%-poison", connection="AzureWebJobsStorage")
    async def OnPoison(msg: func.QueueMessage) -> None:  # noqa: N802
        body = msg.get_body().decode()
        await _run("poison", "ok", 1, dequeueCount=msg.dequeue_count, id=msg.id, body=body)


if "RECORDED_CONTAINER" in os.environ:

    @app.blob_trigger(
        arg_name="blob", path="%RECORDED_CONTAINER%/{name}.json", connection="AzureWebJobsStorage"
    )
    async def OnBlob(blob: func.InputStream) -> None:  # noqa: N802
        body = blob.read()
        path = blob.name or ""
        attempt = _attempts[path] = _attempts.get(path, 0) + 1
        await _run("blob", body.decode(), attempt, path=path, length=len(body), attempt=attempt)


async def _on_timer(function: str, timer: func.TimerRequest) -> None:
    # Without a monitor the library gives an empty object for the host's null.
    status = timer.schedule_status or None  # type: ignore[attr-defined]
    shown: dict[str, Any] = {"isPastDue": timer.past_due, "status": status}
    await _run(function, os.environ["RECORDED_STEPS"], 1, **shown)


if "RECORDED_TIMER1" in os.environ:

    @app.timer_trigger(arg_name="timer", schedule="%RECORDED_TIMER1%")
    async def OnTimer1(timer: func.TimerRequest) -> None:  # noqa: N802
        await _on_timer("timer1", timer)


if "RECORDED_TIMER2" in os.environ:

    @app.timer_trigger(arg_name="timer", schedule="%RECORDED_TIMER2%", use_monitor=False)
    async def OnTimer2(timer: func.TimerRequest) -> None:  # noqa: N802
        await _on_timer("timer2", timer)


if "RECORDED_TIMER3" in os.environ:

    @app.timer_trigger(arg_name="timer", schedule="%RECORDED_TIMER3%", run_on_startup=True)
    async def OnTimer3(timer: func.TimerRequest) -> None:  # noqa: N802
        await _on_timer("timer3", timer)
