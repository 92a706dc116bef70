"""How the clients of Azure behave at the border: slow services, throttling, gateways, refused callers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from batchmgr.adapters import bounded_clients
from batchmgr.bootstrap import open_ports
from batchmgr.errors import (
    JobNotFoundError,
    LogChangedError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceNotFoundError,
    SettingsError,
)
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from batchmgr.steps.attempt_times import FIRST_LIMIT, LIMIT
from tests.one_service import KEY, one_service

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENT = Event(id="e", type="t", subject="s", time=datetime(2026, 1, 1, tzinfo=UTC), body=msgspec.Raw(b"{}"))
HTML = "<html><h1>404 Not Found</h1><center>nginx</center></html>"


class Service:
    """A service that answers every request in the same way, and counts them."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what the test before has set."""
        self.requests = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = ""
        self.answers = asyncio.Event()
        self.answers.set()

    def fails(self, status: int, code: str, **headers: str) -> None:
        """Answer with an error, as Azure Batch and storage do."""
        self.status = status
        self.headers = {"x-ms-error-code": code, **{n.replace("_", "-"): v for n, v in headers.items()}}
        self.body = json.dumps({"code": code, "message": {"lang": "en-US", "value": "text\nRequestId:1"}})

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        await request.read()
        await self.answers.wait()
        kind = "text/html" if self.body.startswith("<") else "application/json"
        return web.Response(status=self.status, headers=self.headers, text=self.body, content_type=kind)


@pytest.fixture(scope="module")
def shared_service() -> Service:
    return Service()


@pytest.fixture
def service(shared_service: Service) -> Service:
    shared_service.begin_anew()
    return shared_service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(shared_service: Service) -> AsyncIterator[Settings]:
    """The settings of an app whose services are all this one."""
    async with one_service(shared_service.handle) as settings:
        yield settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ports(settings: Settings) -> AsyncIterator[Ports]:
    async with open_ports(settings) as opened:
        yield opened


async def listed(ports: Ports) -> object:
    return [task async for task in ports.batch.list_tasks("job-1")]


BATCH_CALLS: dict[str, Callable[[Ports], Awaitable[object]]] = {
    "get_job": lambda ports: ports.batch.get_job("job-1"),
    "task_counts": lambda ports: ports.batch.task_counts("job-1"),
    "list_tasks": listed,
    "get_task": lambda ports: ports.batch.get_task("job-1", "1"),
    "require_pool": lambda ports: ports.batch.require_pool("pool"),
    "delete_task": lambda ports: ports.batch.delete_task("job-1", "1"),
    "terminate_job": lambda ports: ports.batch.terminate_job("job-1", "reason"),
    "terminate_when_done": lambda ports: ports.batch.terminate_when_done("job-1"),
}
STORAGE_CALLS: dict[str, Callable[[Ports], Awaitable[object]]] = {
    "load": lambda ports: ports.jobs.load("job-1"),
    "load_request": lambda ports: ports.jobs.load_request("job-1"),
    "load_tasks": lambda ports: ports.jobs.load_tasks("job-1"),
    "load_plan": lambda ports: ports.jobs.load_plan("job-1", BytesIO()),
    "deactivate": lambda ports: ports.jobs.deactivate("job-1"),
    "read": lambda ports: ports.files.read("job-1", "file", 100),
    "reports": lambda ports: ports.files.reports("job-1", 10),
    "events": lambda ports: ports.events.read("job-1", 0, 10),
    "end": lambda ports: ports.events.end("job-1", 0),
    "append": lambda ports: ports.events.append("job-1", [EVENT], LogEnd(offset=0, last=0)),
    "enqueue": lambda ports: ports.queue.enqueue_submission("job-1"),
}
CALLS = BATCH_CALLS | STORAGE_CALLS


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_clients_that_are_closed_take_no_others_along(
    service: Service, settings: Settings, ports: Ports, call: Callable[[Ports], Awaitable[object]]
) -> None:
    async with open_ports(settings):
        pass
    service.status, service.body = 404, HTML
    with pytest.raises(ServiceBusyError):
        await call(ports)


@pytest.mark.parametrize("call", BATCH_CALLS.values(), ids=BATCH_CALLS)
async def test_a_redirect_does_not_come_from_azure_batch(
    service: Service, ports: Ports, call: Callable[[Ports], Awaitable[object]]
) -> None:
    service.status, service.headers = 302, {"Location": "/login"}
    with pytest.raises(ServiceBusyError, match="redirect"):
        await call(ports)
    assert service.requests == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "BlobNotFound"), (409, "BlockCountExceedsLimit"), (412, "AppendPositionConditionNotMet")],
)
async def test_a_log_that_does_not_go_on_where_it_was_to_is_looked_at_again(
    service: Service, ports: Ports, status: int, code: str
) -> None:
    service.fails(status, code)
    with pytest.raises(LogChangedError):
        await CALLS["append"](ports)


async def test_a_key_that_is_none_is_a_wrong_setting(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="BATCHMGR_BATCH_KEY"):
        async with open_ports(replace(settings, batch_key="12345")):
            pass


@pytest.mark.parametrize(
    ("call", "body"),
    [
        *((call, HTML) for call in CALLS),
        *product(("get_job", "load"), ("", "{}", '{"code": "ResourceNotFound"}', '"text"', "[]")),
    ],
)
async def test_a_404_of_a_gateway_is_a_busy_service(
    service: Service, ports: Ports, call: str, body: str
) -> None:
    service.status, service.body = 404, body
    with pytest.raises(ServiceBusyError) as caught:
        await CALLS[call](ports)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("get_job", "JobNotFound"),
        ("task_counts", "JobNotFound"),
        ("list_tasks", "JobNotFound"),
        ("get_task", "TaskNotFound"),
        ("get_task", "JobNotFound"),
        ("require_pool", "PoolNotFound"),
        ("delete_task", "JobNotFound"),
    ],
)
async def test_only_the_services_own_code_for_that_thing_says_that_it_does_not_exist(
    service: Service, ports: Ports, call: str, code: str
) -> None:
    service.fails(404, code)
    with pytest.raises(ServiceNotFoundError) as caught:
        await BATCH_CALLS[call](ports)
    assert caught.value.code == code
    service.fails(404, "AccountNotFound")
    with pytest.raises(ServiceBusyError):
        await BATCH_CALLS[call](ports)


async def test_a_blob_that_does_not_exist_is_told_from_a_gateway(service: Service, ports: Ports) -> None:
    service.fails(404, "BlobNotFound")
    with pytest.raises(JobNotFoundError):
        await ports.jobs.load("job-1")
    assert await ports.files.read("job-1", "file", 100) is None
    assert await ports.events.read("job-1", 0, 10) == []


@pytest.mark.parametrize("call", BATCH_CALLS.values(), ids=BATCH_CALLS)
async def test_a_long_retry_after_is_not_slept_through(
    service: Service, ports: Ports, call: Callable[[Ports], Awaitable[object]]
) -> None:
    service.fails(429, "TooManyRequests", retry_after="40")
    began = time.monotonic()
    with pytest.raises(ServiceBusyError) as caught:
        await call(ports)
    assert time.monotonic() - began < 30
    assert service.requests == 1
    assert caught.value.retry_after == timedelta(seconds=40)


async def test_a_retry_after_without_sense_is_none(
    service: Service, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_clients.BatchRetry, "get_backoff_time", lambda *_: 0)
    service.fails(429, "TooManyRequests", retry_after="nonsense")
    with pytest.raises(ServiceBusyError) as caught:
        await ports.batch.get_job("job-1")
    assert caught.value.retry_after is None


async def test_a_short_retry_after_is_waited_for(service: Service, ports: Ports) -> None:
    service.fails(503, "ServerBusy", retry_after="1")
    with pytest.raises(ServiceBusyError):
        await ports.batch.get_job("job-1")
    assert service.requests == 4


@pytest.mark.parametrize("call", ["get_job", "load", "enqueue"])
async def test_a_service_that_does_not_answer_is_busy_after_the_time_of_a_call(
    service: Service, ports: Ports, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_clients, "CALL_LIMIT", timedelta(seconds=0.5))
    service.answers.clear()
    began = time.monotonic()
    with pytest.raises(ServiceBusyError) as caught:
        await CALLS[call](ports)
    assert time.monotonic() - began < 15
    assert service.requests == 1
    assert caught.value.code == "Timeout"
    service.answers.set()


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("call", "account", "role"),
    [
        ("get_job", "batch", "Azure Batch Data Contributor on the Batch account"),
        ("load", "store", "Storage Blob Data Owner on the storage account"),
        ("enqueue", "store", "Storage Queue Data Contributor on the storage account"),
    ],
)
async def test_a_refused_caller_is_named_with_what_it_needs(
    service: Service, ports: Ports, status: int, call: str, account: str, role: str
) -> None:
    service.fails(status, "AuthorizationFailure")
    with pytest.raises(ServiceAccessError) as caught:
        await CALLS[call](ports)
    assert f"called by the key of the account '{account}'; it needs the role {role}" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("call", BATCH_CALLS.values(), ids=BATCH_CALLS)
@pytest.mark.parametrize("body", [HTML, "", "[]", '{"value": 1}'])
async def test_a_success_that_is_no_answer_of_the_service_is_busy_or_nothing(
    service: Service, ports: Ports, call: Callable[[Ports], Awaitable[object]], body: str
) -> None:
    service.status, service.body = 200, body
    with suppress(ServiceBusyError):
        await call(ports)


async def test_every_call_is_shorter_than_a_function_may_take() -> None:
    host: dict[str, Any] = json.loads((Path(__file__).parents[2] / "host.json").read_text())
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    function = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    limits = [bounded_clients.CALL_LIMIT, FIRST_LIMIT, LIMIT]
    assert all(timedelta(0) < limit <= timedelta(seconds=30) < function / 3 for limit in limits)
