"""Pages of tasks from Azure Batch: one call each, and a token that can't make the app call anything else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AzureNamedKeyCredential

from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.adapters.batch_clients import open_client
from batchmgr.adapters.task_pages import skip_token
from batchmgr.errors import InvalidQueryError, ServiceBusyError, ServiceRefusedError
from batchmgr.model.task_query import TaskQuery
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.telemetry_port import NoTelemetry
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

KEY = AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)
REAL_TOKEN = "WATV2:gy8u/GqxQ^EepLk+lst==:1$1"  # the form of one that Azure Batch has sent
TASK = {"id": "a", "state": "active", "stateTransitionTime": "2026-01-01T00:00:00Z"}


class Service:
    """Answers every list with a page, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.next_link = ""
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)))
        if self.status != 200:
            error = {"code": "InvalidQueryParameterValue", "message": {"value": "malformed"}}
            return web.json_response(error, status=self.status)
        page: dict[str, object] = {"value": [TASK]}
        if self.next_link:
            page["odata.nextLink"] = self.next_link
        return web.json_response(page)


class Linked:
    """Answers with a page that leads to another one. The second page does not come before it may."""

    def __init__(self) -> None:
        self.second_is_asked_for = asyncio.Event()
        self.second_may_come = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        if "$skiptoken" not in request.query:
            link = f"{request.url.origin()}/jobs/job/tasks?$skiptoken=2"
            return web.json_response({"value": [TASK, {**TASK, "id": "b"}], "odata.nextLink": link})
        self.second_is_asked_for.set()
        await self.second_may_come.wait()
        return web.json_response({"value": [{**TASK, "id": "c"}]})


@asynccontextmanager
async def listing(service: Service | Linked) -> AsyncIterator[AzureBatch]:
    app = web.Application()
    app.router.add_get("/{path:.*}", service.answer)
    async with TestServer(app) as server, open_client(str(server.make_url("")), KEY, NoTelemetry()) as client:
        yield AzureBatch(client)


async def test_the_next_page_is_asked_for_while_the_first_one_is_read() -> None:
    service = Linked()
    async with listing(service) as batch, asyncio.timeout(10):
        tasks = batch.list_tasks("job")
        ids = [(await anext(tasks)).task_id]
        await service.second_is_asked_for.wait()
        service.second_may_come.set()
        ids += [task.task_id async for task in tasks]
    assert ids == ["a", "b", "c"]


async def test_whoever_stops_reading_does_not_wait_for_the_next_page() -> None:
    service = Linked()
    async with listing(service) as batch, asyncio.timeout(10):
        tasks = batch.list_tasks("job")
        assert (await anext(tasks)).task_id == "a"
        await service.second_is_asked_for.wait()
        assert isinstance(tasks, AsyncGenerator)
        await tasks.aclose()
        service.second_may_come.set()


async def test_every_task_is_read_once_with_one_call_a_page(tmp_path: Path) -> None:
    tasks = tuple(TaskPlan(id=f"t{number}", command_line="true") for number in range(2500))
    finalize = TaskPlan(id=FINALIZE_TASK_ID, command_line="true")
    plan = JobPlan(job_id="job", job=JobSpecification(pool_id="none"), tasks=tasks, finalize_task=finalize)
    pools = ({"id": "none", "vmSize": "small", "targetDedicatedNodes": 0},)
    async with (
        serving(Options(root=tmp_path, pools=pools)) as endpoint,
        open_client(endpoint, KEY, NoTelemetry()) as client,
    ):
        batch = AzureBatch(client)
        await batch.create_job(plan, {}, "digest")
        await batch.add_tasks(plan, tasks, {})
        calls = 0
        send = client.send_request

        def counted(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            return send(*args, **kwargs)  # type: ignore[arg-type]

        client.send_request = counted  # type: ignore[method-assign,assignment]
        found: list[str] = []
        pages, token = 0, ""
        while pages == 0 or token:
            page, token = await batch.task_page("job", limit=25, token=token)
            found += [task.task_id for task in page]
            pages += 1
            assert len(page) == 25
    assert pages == calls == 100
    assert sorted(found) == sorted(task.id for task in tasks)


async def test_a_token_of_azure_batch_comes_back_as_it_was() -> None:
    service = Service()
    quoted = "WATV2:gy8u/GqxQ%5EEepLk%2Blst%3D%3D:1$1"
    service.next_link = f"https://a.westeurope.batch.azure.com/jobs/job/tasks?timeout=30&$skiptoken={quoted}"
    async with listing(service) as batch:
        _, token = await batch.task_page("job", query=TaskQuery(states=("active",)), limit=7)
        assert token == REAL_TOKEN
        await batch.task_page("job", query=TaskQuery(states=("active",)), limit=7, token=token)
    (path, first), (_, second) = service.asked
    assert path == "/jobs/job/tasks"
    assert dict(first)["maxresults"] == "7"
    assert dict(first)["$filter"] == "state eq 'active'"
    assert second == [*first, ("$skiptoken", REAL_TOKEN)]


@pytest.mark.parametrize(
    "token",
    [
        "https://evil.example/jobs?x=1",
        "//evil.example",
        "a&$filter=id eq 'b'&$select=commandLine",
        "a#b",
        "../../pools",
        "a\r\nHost: evil.example",
        "{endpoint}",
        "%26$filter=x",
        "ü\x00",
    ],
)
async def test_whatever_a_caller_sends_as_a_token_is_only_the_value_of_one_parameter(token: str) -> None:
    service = Service()
    async with listing(service) as batch:
        await batch.task_page("job")
        await batch.task_page("job", token=token)
    (path, first), (same_path, second) = service.asked
    assert path == same_path == "/jobs/job/tasks"
    assert second == [*first, ("$skiptoken", token)]


async def test_a_token_that_azure_batch_refuses_is_the_callers_mistake() -> None:
    service = Service()
    service.status = 400
    async with listing(service) as batch:
        with pytest.raises(InvalidQueryError) as caught:
            await batch.task_page("job", token="5")
        assert caught.value.name == "after"
        with pytest.raises(ServiceRefusedError):
            await batch.task_page("job")


def test_a_link_without_a_token_is_not_taken_for_the_end() -> None:
    assert skip_token("") == ""
    with pytest.raises(ServiceBusyError):
        skip_token("https://a.batch.azure.com/jobs/job/tasks?maxresults=9")
