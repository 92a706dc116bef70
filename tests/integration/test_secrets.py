"""What attackers send to a running app, at its lowest log level, and where secrets are afterwards.

The app has a stack of its own: marked secrets, telemetry by OTLP, and a name server that attackers own.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from aiohttp import web

from batchmgr.devstack.stack import Stack, running_stack
from tests.integration.client import POISON, REQUESTS, Answer, Client, connected
from tests.integration.messages import Json, job, output, task
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until
from tests.secret_search import AT_REST, Written, leaks, logged, stored
from tests.telemetry.receiver import Receiver as Telemetry
from tests.telemetry.receiver import receiving as receiving_telemetry

PATH, QUERY = "p4th-Secret-5d1c7a90", "qu3ry+Secret/0123456789=="
SIGNING, FUNCTION_KEY, TOKEN = "s1gning-key-of-callbacks", "funct10n-key-a8b7c6", "eyJt0ken-of-a-caller"
ENVIRONMENT = "env1ronment-of-a-task-4711"
pytestmark = pytest.mark.thorough  # a stack of its own; the short storm also looks for secrets
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The attacked app, the receiver of callbacks that repeats what it is asked, and the telemetry."""

    stack: Stack
    client: Client
    receiver: str
    telemetry: Telemetry

    def uri(self, tries: int = 0, host: str = "") -> str:
        """The URI of a receiver that answers 404 and repeats its URI that many times, before it accepts."""
        code = QUERY.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        return f"{host or self.receiver}/{PATH}?tries={tries}&code={code}"

    async def post(self, message: object) -> Answer:
        """Send a job with a function key and a token, as callers do."""
        headers = {"x-functions-key": FUNCTION_KEY, "Authorization": f"Bearer {TOKEN}"}
        return await self.client.post(f"/jobs?code={FUNCTION_KEY}", message, headers)


@asynccontextmanager
async def _repeating() -> AsyncIterator[str]:
    tried: dict[str, int] = {}

    async def receive(request: web.Request) -> web.Response:
        job_id = request.headers["webhook-id"]  # of a webhook, each batch has its own
        tried[job_id] = tried.get(job_id, 0) + 1
        if tried[job_id] > int(request.query["tries"]):
            return web.Response()
        said = f"Cannot POST {request.raw_path}\n{request.rel_url}\n{request.query['code']} is unknown"
        return web.Response(status=404, text=said, headers={"Location": request.raw_path})

    app = web.Application()
    app.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def attacked(azurite: None) -> AsyncIterator[tuple[Stack, Telemetry]]:
    async with AsyncExitStack() as resources:
        patch = resources.enter_context(pytest.MonkeyPatch.context())
        telemetry = resources.enter_context(receiving_telemetry())
        for name, value in {
            "AzureFunctionsJobHost__logging__logLevel__default": "Trace",
            "AzureFunctionsJobHost__logging__logLevel__Azure.Core": "Trace",
            "PYTHON_ENABLE_OPENTELEMETRY": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": telemetry.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_BLRP_SCHEDULE_DELAY": "200",
            "PYTHONPATH": str(Path(__file__).parent / "names"),
        }.items():
            patch.setenv(name, value)
        settings = {
            "BATCHMGR_CALLBACK_HOSTS": "*.name.example",
            "BATCHMGR_CALLBACK_KEY": f"whsec_{base64.b64encode(SIGNING.encode()).decode()}",
        }
        stack = await resources.enter_async_context(running_stack(stack_options(settings=settings)))
        yield stack, telemetry


@pytest.fixture
async def target(attacked: tuple[Stack, Telemetry]) -> AsyncIterator[Target]:
    stack, telemetry = attacked
    async with connected(stack.endpoints) as client, _repeating() as receiver:
        yield Target(stack=stack, client=client, receiver=receiver, telemetry=telemetry)


@pytest.mark.parametrize(
    "addresses", ["10-0-0-1", "169-254-169-254", "168-63-129-16", "1-1-1-1--192-168-0-1"]
)
async def test_a_name_on_the_allow_list_with_an_address_inside_is_not_called(
    target: Target, addresses: str
) -> None:
    host = f"https://{addresses}.name.example"
    assert (await target.post(job(f"inside-{addresses}", callBackUri=target.uri(host=host)))).status == 202
    waiting = await _tried(target.client, f"inside-{addresses}")
    assert f"'{addresses}.name.example' can't be called" in waiting["lastError"]
    assert PATH not in waiting["lastError"]


async def _tried(client: Client, job_id: str) -> Json:
    async def tried() -> Json | None:
        callback: Json = (await client.job(job_id)).get("callback", {})
        return callback if "lastError" in callback else None

    return await until(tried)


async def test_no_secret_is_written_where_it_does_not_belong(target: Target) -> None:
    """A small storm: jobs that succeed, fail, are refused, cancelled, repeated, uploaded, not understood."""
    client = target.client
    failing = task("bad", "exit 3", environment={"TOKEN": ENVIRONMENT}, outputFiles=[output("a.txt")])
    messages = {
        "told": job("told", callBackUri=target.uri()),
        "hooked": job("hooked", webhooks=[{"uri": target.uri(tries=1), "events": ["*"]}]),
        "hooked-to-404": job("hooked-to-404", webhooks=[{"uri": target.uri(tries=99)}]),
        "repeated": job("repeated", failing, task("good"), callBackUri=target.uri(tries=1)),
        "missing-pool": job("missing-pool", poolId="none", callBackUri=target.uri(tries=1)),
        "cancelled": job("cancelled", task("long", "sleep 60"), callBackUri=target.uri(tries=1)),
    }
    answers = [await target.post(message) for message in messages.values()]
    answers += [await target.post(messages["told"] | {"metadata": {"a": "b"}})]
    answers += [await target.post(job("refused", callBackUri=f"https://other.example/{PATH}?{QUERY}"))]
    answers += [await target.post({"callBackUri": target.uri()})]
    hook = {"uri": f"https://other.example/{PATH}?{QUERY}"}
    answers += [await target.post(job("bad-hook", webhooks=[hook, hook, {"uri": target.uri(), "events": 3}]))]
    answers += [await target.post(job("bad-hooks", webhooks=[hook, hook]))]
    answers += [await target.post(b'{"callBackUri":"' + target.uri().encode())]
    assert [answer.status for answer in answers] == [202] * 6 + [409] + [400] * 5
    granted = (await client.post("/uploads")).body
    await client.http.put(
        granted["uploadUri"], headers=granted["headers"], data=json.dumps(job("up")).encode()
    )
    answers += [await target.post(granted["message"] | {"jobId": "up", "callBackUri": target.uri()})]
    await client.send(job("on-queue", failing, callBackUri=target.uri(tries=1)))
    await client.send(job("wrong", colour="blue", callBackUri=target.uri(tries=1)))
    await client.send_text('{"callBackUri":"' + target.uri())
    answers += [await client.post("/jobs/cancelled/cancel")]
    ended = [*messages, "up", "on-queue", "wrong"]
    for job_id in ended:
        await client.wait_until_delivered(job_id)
    for job_id in ended:
        for path in ("", "/result", "/events", "/tasks"):
            answers.append(await client.get(f"/jobs/{job_id}{path}"))
    answers += [await client.get("/jobs", limit=500), await client.get("/health/details")]
    assert "lastError" in (await _tried_hook(client, "hooked-to-404"))
    answers += [await client.get("/jobs/hooked-to-404"), await client.get("/dead-letters")]
    tried = await _tried_errors(answers)
    assert tried == [], "the receiver has accepted each in the end"

    signatures = await _signatures(client) | {parse_qs(urlsplit(granted["uploadUri"]).query)["sig"][0]}
    assert len(signatures) > 1 or not target.stack.endpoints.batch_key
    secrets = {
        "the path of a callback URI": PATH,
        "the query of a callback URI": QUERY,
        "the key of callbacks": SIGNING,
        "a function key": FUNCTION_KEY,
        "a caller's token": TOKEN,
        "a task's environment": ENVIRONMENT,
        "the key of storage": _account_key(target.stack.endpoints.connection_string),
        "the key of Azure Batch": target.stack.endpoints.batch_key,
    } | {f"signature {number}": text for number, text in enumerate(sorted(signatures))}
    azurite = target.stack.log_directory.parent / "azurite"
    written = [each async for each in stored(client.blobs, client.queues, azurite)]
    written += logged(target.stack.log_directory, "*unctions*host*")
    assert [each for each in written if each.place.endswith(".log") and len(each.content) > 10_000]
    written += [Written(place="an answer", content=answer.text.encode()) for answer in answers]
    written += [Written(place="telemetry", content=body) for body in target.telemetry.bodies]
    assert len(target.telemetry.bodies) > 5
    assert leaks(written, {name: text for name, text in secrets.items() if text}, _may_hold) == []
    assert [each.place for each in written if _TOKEN.search(each.content)] == []


async def _tried_hook(client: Client, job_id: str) -> Json:
    async def tried() -> Json | None:
        webhook: Json = (await client.job(job_id))["webhooks"][0]
        return webhook if "lastError" in webhook else None

    return await until(tried)


async def _tried_errors(answers: list[Answer]) -> list[str]:
    bodies = [answer.body for answer in answers if "callback" in answer.text and answer.status == 200]
    return [body["callback"]["lastError"] for body in bodies if "lastError" in body.get("callback", {})]


def _may_hold(secret: str, place: str) -> bool:
    """A request is kept with what its sender has put into it: in its blob, and in the queue it came by."""
    by_sender = secret.startswith(("the path", "the query", "a task's environment"))
    folders = ("batchmgr-jobs/requests/", "batchmgr-jobs/receivers/", "batchmgr-requests/", AT_REST)
    is_request = place.startswith(folders)
    return by_sender and (is_request or place in {f"queue {REQUESTS}", f"queue {POISON}"})


async def _signatures(client: Client) -> set[str]:
    """The signatures in the URLs that the nodes have got."""
    found: set[str] = set()
    async for each in client.batch.list_jobs():
        async for one in client.batch.list_tasks(each.id):
            text = json.dumps(one.as_dict())
            found |= {parse_qs(query)["sig"][0] for query in re.findall(r"\?([^\"]*sig=[^\"]*)", text)}
    return found


def _account_key(connection_string: str) -> str:
    return connection_string.partition("AccountKey=")[2].partition(";")[0]
