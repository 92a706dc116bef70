"""The sample app of the host's tests: all triggers, sync and async functions, and outputs.

Functions record what they received in the blob container `seen`. Tests read it, also after the host ended.
"""

import asyncio
import json
import os
import time
import uuid
from typing import Any

import azure.functions as func
from azure.storage.blob import ContainerClient

STORAGE = "AzureWebJobsStorage"

release = asyncio.Event()
"""Set it to end the functions whose message has the text `wait`."""

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def record(kind: str, fact: dict[str, Any]) -> None:
    """Write a fact to the container `seen`."""
    with ContainerClient.from_connection_string(os.environ[STORAGE], "seen") as seen:
        seen.upload_blob(f"{kind}/{time.time_ns()}-{uuid.uuid4().hex}", json.dumps(fact))


@app.route(route="echo/{id:int?}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    answer = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(answer), mimetype="application/json")


@app.route(route="files/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("path", "-"), status_code=201, headers={"X-Kind": "file"})


@app.route(route="files/readme", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def readme(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("the literal route")


@app.route(route="size", auth_level=func.AuthLevel.ANONYMOUS)
def size(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.route(route="guarded", auth_level=func.AuthLevel.ADMIN)
def guarded(req: func.HttpRequest) -> str:
    return "for the master key"


@app.route(route="text")
def text(req: func.HttpRequest) -> str:
    return req.get_body().decode()


@app.route(route="returns/{what}")
async def returns(req: func.HttpRequest) -> func.HttpResponse:
    answers: dict[str, Any] = {"none": None, "dict": {"a": 1}}
    return answers[req.route_params["what"]]  # type: ignore[no-any-return]


@app.route(route="fails")
async def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("deliberate")


@app.route(route="hangs")
async def hangs(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.Event().wait()
    return func.HttpResponse("never")


@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("")
    response.headers.add_header("Set-Cookie", "a=1; Path=/")
    response.headers.add_header("Set-Cookie", "b=2; Path=/")
    return response


@app.route(route="context")
def shows_context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    facts = {
        "name": context.function_name,
        "id": context.invocation_id,
        "trace": context.trace_context.trace_parent,
    }
    return func.HttpResponse(json.dumps(facts))


@app.route(route="fan/{target}", methods=["POST"])
@app.queue_output(arg_name="out", queue_name="out-{target}", connection=STORAGE)
def fan_out(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse("sent")


@app.queue_trigger(arg_name="msg", queue_name="%InQueue%", connection=STORAGE)
async def on_message(msg: func.QueueMessage) -> None:
    body = msg.get_body().decode()
    inserted = msg.insertion_time
    record(
        "message",
        {
            "id": msg.id,
            "body": body,
            "dequeueCount": msg.dequeue_count,
            "inserted": inserted.isoformat() if inserted else None,
        },
    )
    if "fail" in body:
        raise ValueError("deliberate")
    if "wait" in body:
        await release.wait()


@app.queue_trigger(arg_name="msg", queue_name="Upper", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="doubled", connection="Storage")
def double(msg: str) -> str:
    return msg + msg


@app.timer_trigger(arg_name="timer", schedule="%Tick%", run_on_startup=False)
async def on_tick(timer: func.TimerRequest) -> None:
    record("tick", {"pastDue": timer.past_due, "status": timer.schedule_status})  # type: ignore[attr-defined]


@app.blob_trigger(arg_name="blob", path="results/{name}.json", connection=STORAGE)
def on_result(blob: func.InputStream) -> None:
    body = blob.read().decode()
    record(
        "blob",
        {
            "name": blob.name,
            "uri": blob.uri,
            "length": blob.length,
            "body": body,
            "metadata": blob.metadata,  # type: ignore[attr-defined]
        },
    )
    if "fail" in body:
        raise ValueError("deliberate")


@app.blob_trigger(
    arg_name="blob", path="events/{name}", connection=STORAGE, source=func.BlobSource.EVENT_GRID
)
def on_event(blob: func.InputStream) -> None:
    record("event", {"name": blob.name, "body": blob.read().decode()})
