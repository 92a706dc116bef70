"""Calls to Azure as metrics: over HTTP, with the clients of the SDKs."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web
from azure.core.rest import HttpRequest

from batchmgr.adapters import bounded_clients
from batchmgr.adapters.measured_calls import operation
from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.errors import ServiceError
from batchmgr.model import telemetry_names as names
from batchmgr.ports import Ports
from batchmgr.queue_ports import PoisonQueue
from batchmgr.settings import Settings
from tests.one_service import KEY, one_service
from tests.telemetry.spans import MemoryTelemetry


class Service:
    """A service that gives these answers, and then the last of them again and again."""

    def __init__(self) -> None:
        self.statuses = [200]

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        headers = {"Retry-After": "0"} if status in {429, 503} else {}
        return web.json_response({"taskCounts": {}}, status=status, headers=headers)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def telemetry() -> MemoryTelemetry:
    return MemoryTelemetry()


@pytest.fixture
async def ports(service: Service, telemetry: MemoryTelemetry) -> AsyncIterator[Ports]:
    async with one_service(service.handle) as settings, open_ports(settings, telemetry.port) as opened:
        yield opened


COUNTS = {names.SERVICE: "batch", names.OPERATION: "GET /jobs/{}/taskcounts"}


async def test_a_call_that_was_throttled_once_counts_as_one_call_and_one_throttle(
    service: Service, ports: Ports, telemetry: MemoryTelemetry
) -> None:
    service.statuses = [429, 200]
    await ports.batch.task_counts("job-1")
    points = telemetry.all_points()
    (call,) = points[names.CALL_DURATION.name]
    assert (call.count, dict(call.attributes)) == (1, COUNTS)
    (throttle,) = points[names.THROTTLES.name]
    assert (throttle.value, dict(throttle.attributes)) == (1, {**COUNTS, names.STATUS_CODE: 429})


async def test_each_attempt_that_is_throttled_counts_once(
    service: Service, ports: Ports, telemetry: MemoryTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_clients.BatchRetry, "get_backoff_time", lambda *_: 0)
    service.statuses = [429]
    with suppress(ServiceError):
        await ports.batch.task_counts("job-1")
    points = telemetry.all_points()
    assert [point.value for point in points[names.THROTTLES.name]] == [4]
    (call,) = points[names.CALL_DURATION.name]
    assert (call.count, call.attributes[names.ERROR_TYPE]) == (1, "429")


async def test_a_call_that_fails_has_its_status_as_the_type_of_the_error(
    service: Service, ports: Ports, telemetry: MemoryTelemetry
) -> None:
    service.statuses = [403]
    with suppress(ServiceError):
        await ports.batch.task_counts("job-1")
    (call,) = telemetry.points(names.CALL_DURATION)
    assert dict(call.attributes) == {**COUNTS, names.ERROR_TYPE: "403"}


async def test_every_throttled_attempt_of_storage_counts(
    service: Service, ports: Ports, telemetry: MemoryTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_clients.StorageRetry, "get_backoff_time", lambda *_: 0)
    service.statuses = [503, 404]
    with suppress(ServiceError):
        await ports.jobs.load_tasks("job-1")
    points = telemetry.all_points()
    assert [point.value for point in points[names.THROTTLES.name]] == [1]
    (call,) = points[names.CALL_DURATION.name]
    assert dict(call.attributes) == {
        names.SERVICE: "blob",
        names.OPERATION: "GET",
        names.ERROR_TYPE: "404",
    }


@pytest.mark.parametrize(
    ("service", "method", "url", "expected"),
    [
        ("batch", "GET", "/jobs/tasks-7/tasks/1/files/wd%2Fa.txt", "GET /jobs/{}/tasks/{}/files/{}"),
        ("batch", "GET", "/pools/p/nodes?$select=id", "GET /pools/{}/nodes"),
        ("batch", "POST", "/jobs", "POST /jobs"),
        ("blob", "PUT", "/c/events/job-1?comp=appendblock", "PUT appendblock"),
        ("blob", "PUT", "/c?restype=container", "PUT container"),
        ("queue", "POST", "/q/messages?visibilitytimeout=0", "POST"),
    ],
)
def test_the_name_of_an_operation_holds_no_id(service: str, method: str, url: str, expected: str) -> None:
    assert operation(service, HttpRequest(method, f"http://host{url}")) == expected


async def test_a_job_that_is_named_as_a_part_of_a_path_is_an_id_all_the_same() -> None:
    request = HttpRequest("GET", "http://host/jobs/tasks/tasks/files")
    assert operation("batch", request) == "GET /jobs/{}/tasks/{}"


async def test_messages_in_poison_queues_are_measured_also_if_there_are_none(
    connection_string: str, telemetry: MemoryTelemetry
) -> None:
    settings = Settings(
        storage_connection_string=connection_string,
        batch_endpoint="http://127.0.0.1:1",
        batch_account="batch",
        batch_key=KEY,
    )
    await prepare_storage(settings)
    async with open_ports(settings, telemetry.port) as ports:
        await ports.queue.dead_letter_request(b"no job")
        for queue in PoisonQueue:
            await ports.poison.undecided(queue)
    found = {p.attributes[names.QUEUE]: p.value for p in telemetry.points(names.DEAD_LETTERS)}
    # The host makes the queue of its blob trigger when it needs it.
    assert found == {
        "batchmgr-job-requests-poison": 1,
        "batchmgr-callbacks-poison": 0,
        "batchmgr-finalize-poison": 0,
        "webjobs-blobtrigger-poison": 0,
    }
