"""One trace of a whole job, from the caller's `traceparent` to the callback: on Azurite, the fake Azure Batch
and the real SDK of OpenTelemetry."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import azure.functions as func
import msgspec
import pytest
from aiohttp import web
from azure.core.settings import settings as azure_settings
from azure.storage.queue.aio import QueueServiceClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.functions.blob_finalize import finalize_blob
from batchmgr.functions.http_jobs import create_job
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from batchmgr.usecases.poll import poll
from batchmgr.wire.queue_message import JobReference
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.telemetry.spans import MemoryTelemetry, parent_id, span_id, trace_ids

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@dataclass
class Caller:
    """Who is called back."""

    uri: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    made, app = Caller(), web.Application()
    app.router.add_post("/done", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.uri = f"http://127.0.0.1:{runner.addresses[0][1]}/done?secret=hidden"
    yield made
    await runner.cleanup()


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryTelemetry]:
    """In memory, also for the Azure SDKs: these ask for the global provider."""
    made = MemoryTelemetry()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made.tracers)
    azure_settings.tracing_enabled = True
    yield made
    azure_settings.tracing_enabled.unset_value()


@pytest.fixture
async def ports(connection_string: str, tmp_path: Path, telemetry: MemoryTelemetry) -> AsyncIterator[Ports]:
    async with AsyncExitStack() as stack:
        pools: tuple[dict[str, object], ...] = (
            {"id": "local", "vmSize": "small", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2},
        )
        batch = await stack.enter_async_context(serving(Options(root=tmp_path, pools=pools)))
        settings = Settings(
            storage_connection_string=connection_string,
            batch_endpoint=batch,
            batch_account=ACCOUNT_NAME,
            batch_key=ACCOUNT_KEY,
            default_pool_id="local",
            allow_loopback_callbacks=True,
        )
        await prepare_storage(settings)
        yield await stack.enter_async_context(open_ports(settings, telemetry.port))


async def post(ports: Ports, body: dict[str, object], headers: dict[str, str]) -> None:
    request = func.HttpRequest(
        method="POST", url="http://app/api/jobs", headers=headers, body=msgspec.json.encode(body)
    )
    answer = await create_job(ports, request)
    assert answer.status_code == 202, answer.get_body()


async def run_to_the_end(ports: Ports, telemetry: MemoryTelemetry, job_id: str) -> None:
    """What the host does: queue, timer and blob trigger, each in an invocation with its own trace."""
    tracer = telemetry.tracers.get_tracer("host")
    with tracer.start_as_current_span("submit_job"):
        await take_request(ports, msgspec.json.encode(JobReference(stored_job_id=job_id)), "none")
    async with asyncio.timeout(30):
        while True:
            tasks = [task async for task in ports.batch.list_tasks(job_id)]
            if tasks and all(task.state == "completed" for task in tasks):
                break
            await asyncio.sleep(0.05)
    with tracer.start_as_current_span("poll_jobs"):
        await poll(ports)
    with tracer.start_as_current_span("finalize_job"):
        await finalize_blob(ports, f"batchmgr-finalize/{job_id}.json")
    async with asyncio.timeout(30):  # the callback is sent afterwards
        while "deliver callback" not in {span.name for span in telemetry.spans()}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def job(caller: Caller, job_id: str) -> dict[str, object]:
    command = "/bin/sh -c 'printf %s \"$TRACEPARENT\" > seen.txt'"
    output = {"sourceFilePath": "seen.txt", "targetBlobPath": "seen.txt", "uploadCondition": "taskCompletion"}
    tasks = [{"id": "1", "commandLine": command, "outputFiles": [output]}]
    return {"jobId": job_id, "tasks": tasks, "callBackUri": caller.uri}


def named(telemetry: MemoryTelemetry, name: str) -> ReadableSpan:
    (found,) = [span for span in telemetry.spans() if span.name == name]
    return found


async def test_a_whole_job_is_one_connected_trace_from_its_caller_to_the_callback(
    ports: Ports, telemetry: MemoryTelemetry, caller: Caller, connection_string: str
) -> None:
    await post(ports, job(caller, "traced"), {"traceparent": TRACEPARENT})
    await run_to_the_end(ports, telemetry, "traced")

    own = [span for span in telemetry.spans() if f"{span.context.trace_id:032x}" == TRACE]
    by_id = {span_id(span): span for span in own}
    # Connected: each span's parent is in the trace, and one has the caller as its parent.
    assert [span.name for span in own if parent_id(span) == CALLER] == ["accept job"]
    assert all(parent_id(span) in {CALLER, *by_id} for span in own)
    names = {span.name for span in own}
    assert {"accept job", "submit job", "finalize job", "deliver callback", "POST"} <= names
    assert {"batch POST /jobs", "batch POST /jobs/{}/addtaskcollection"} <= names

    accepted = f"00-{TRACE}-{span_id(named(telemetry, 'accept job'))}-01"
    # The tasks are in it, and the events, and the callback.
    assert await ports.files.read("traced", "seen.txt", 100) == accepted.encode()
    events = await ports.events.read("traced", 0, 1000)
    assert len(events) >= 5
    assert {event.traceparent for event in events} == {accepted}
    async with QueueServiceClient.from_connection_string(connection_string) as queues:
        sent = await queues.get_queue_client("batchmgr-progress").peek_messages(max_messages=1)
    assert accepted.encode() in base64.b64decode(sent[0].content)
    sent_callback = named(telemetry, "POST")
    assert [headers["traceparent"] for headers in caller.headers] == [
        f"00-{TRACE}-{span_id(sent_callback)}-01"
    ]
    assert "hidden" not in str(sent_callback.to_json())


async def test_what_picks_a_job_up_later_is_linked(
    ports: Ports, telemetry: MemoryTelemetry, caller: Caller
) -> None:
    await post(ports, job(caller, "linked"), {"traceparent": TRACEPARENT})
    await run_to_the_end(ports, telemetry, "linked")
    for name, invocation in (("submit job", "submit_job"), ("finalize job", "finalize_job")):
        (link,) = named(telemetry, name).links
        assert link.context == named(telemetry, invocation).context


async def test_a_job_without_a_caller_s_trace_is_in_that_of_the_call(
    ports: Ports, telemetry: MemoryTelemetry, caller: Caller
) -> None:
    with telemetry.tracers.get_tracer("host").start_as_current_span("create_job"):
        await post(ports, job(caller, "own"), {"traceparent": "no such thing"})
    await run_to_the_end(ports, telemetry, "own")
    own = [named(telemetry, name) for name in ("create_job", "accept job", "submit job", "deliver callback")]
    assert len(trace_ids(own)) == 1
    assert parent_id(named(telemetry, "accept job")) == span_id(named(telemetry, "create_job"))


async def test_a_poll_without_a_change_leaves_nothing_in_the_trace_of_the_job(
    ports: Ports, telemetry: MemoryTelemetry, caller: Caller
) -> None:
    await post(ports, job(caller, "idle"), {"traceparent": TRACEPARENT})
    before = len([span for span in telemetry.spans() if trace_ids([span]) == {TRACE}])
    await poll(ports)
    assert len([span for span in telemetry.spans() if trace_ids([span]) == {TRACE}]) == before


async def test_a_message_from_the_queue_carries_its_trace_in_the_body(
    ports: Ports, telemetry: MemoryTelemetry, caller: Caller
) -> None:
    body = job(caller, "queued") | {"traceparent": TRACEPARENT}
    await take_request(ports, msgspec.json.encode(body), "none")
    assert trace_ids([named(telemetry, "accept job"), named(telemetry, "submit job")]) == {TRACE}
    again = msgspec.json.encode(body | {"traceparent": TRACEPARENT.replace("4bf9", "1bf9")})
    await take_request(ports, again, "none")  # the same job, although the trace is another one
    assert (await ports.jobs.load("queued")).value.traceparent.startswith(f"00-{TRACE}")
