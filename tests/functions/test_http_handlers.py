"""The HTTP functions called as the Python worker calls them: what goes wrong is a problem document."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
import msgspec
import pytest

from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.dispatcher.memory_queues import MemoryJobQueue
from batchmgr.errors import ServiceBusyError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.functions.http_jobs import MAX_TASKS, MAX_TOKEN
from batchmgr.model.batch_snapshots import TaskError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.size_limits import MAX_PAGE
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from tests.event_log import append
from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.world import World

API = "https://batchmgr.example/api"
JOB = {"jobId": "job-1", "tasks": [{"id": "a", "commandLine": "true"}]}


def request(
    path: str = "/jobs",
    *,
    method: str = "GET",
    body: Any = None,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    **route_params: str,
) -> func.HttpRequest:
    """A request as the worker makes it: header names in lower case, the body as bytes."""
    return func.HttpRequest(
        method,
        API + path,
        headers=headers or {},
        params=params or {},
        route_params=route_params,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def post(body: Any, **headers: str) -> func.HttpRequest:
    return request(method="POST", body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def problem(response: func.HttpResponse, status: int) -> dict[str, Any]:
    """The problem document of an answer that has to have this status."""
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    document: dict[str, Any] = json.loads(response.get_body())
    assert document["status"] == status
    return document


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World) -> dict[str, Handler]:
    """The functions, on a world of fakes."""
    return handlers(ReadyRuntime(world.ports))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        ([], None),
        ({**JOB, "colour": "blue"}, "colour"),
        ({**JOB, "jobId": "a b"}, "jobId"),
        ({**JOB, "dequeueCount": 1}, "dequeueCount"),
        ({"jobId": "job-1", "workload": "no_such", "inputs": {}}, "workload"),
    ],
)
async def test_a_bad_job_is_a_400_that_names_the_field(
    app: dict[str, Handler], world: World, body: Any, field: str | None
) -> None:
    document = problem(await app["create_job"](post(body)), 400)
    assert document.get("field") == field
    assert document["detail"]
    assert world.jobs.records == {}


async def test_a_body_that_is_too_large_is_a_413_that_tells_the_way_for_larger_ones(world: World) -> None:
    app = handlers(ReadyRuntime(replace(world.ports, body_limit=10)))
    for name in ("create_job", "plan_job"):
        detail = problem(await app[name](post(JOB)), 413)["detail"]
        for told in ("the 10 that", "BATCHMGR_BODY_LIMIT_MIB", "POST /api/uploads", "uploadedRequest"):
            assert told in detail


async def test_a_taken_id_is_a_409(app: dict[str, Handler]) -> None:
    assert (await app["create_job"](post(JOB))).status_code == 202
    other = {**JOB, "tasks": [{"id": "b", "commandLine": "true"}]}
    assert "job-1" in problem(await app["create_job"](post(other)), 409)["detail"]


async def test_the_idempotency_key_makes_two_requests_one_job(app: dict[str, Handler], world: World) -> None:
    body = {"tasks": JOB["tasks"]}
    answers = [await app["create_job"](post(body, idempotency_key="order 7")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(world.jobs.records) == 1


async def test_a_plan_is_returned_for_valid_and_invalid_jobs(app: dict[str, Handler], world: World) -> None:
    answer = await app["plan_job"](request("/plan", method="POST", body=JOB, params={"tasks": "1"}))
    body = json.loads(answer.get_body())
    assert (answer.status_code, body["jobId"], body["tasks"], body["problems"]) == (200, "job-1", 2, [])
    assert [task["id"] for task in body["expandedTasks"]] == ["a"]
    answer = await app["plan_job"](post({"jobId": "a b", "tasks": [{"id": "!", "commandLine": "x"}]}))
    assert answer.status_code == 200
    fields = [problem["field"] for problem in json.loads(answer.get_body())["problems"]]
    assert fields == ["jobId", "tasks[0].id"]
    assert world.jobs.requests == {}
    assert world.jobs.records == {}


@pytest.mark.parametrize(("headers", "job_id"), [({"idempotency_key": "order 7"}, "k-"), ({}, "new-job")])
async def test_a_plan_has_the_id_that_the_job_would_have_if_it_is_known(
    app: dict[str, Handler], headers: dict[str, str], job_id: str
) -> None:
    body = json.loads((await app["plan_job"](post({"tasks": JOB["tasks"]}, **headers))).get_body())
    assert body["jobId"].startswith(job_id)


@pytest.mark.parametrize(("body", "field"), [(b"{", None), ([], None), ({**JOB, "colour": 1}, "colour")])
async def test_an_undecodable_message_cannot_be_planned(
    app: dict[str, Handler], body: Any, field: str | None
) -> None:
    assert problem(await app["plan_job"](post(body)), 400).get("field") == field
    problem(await app["plan_job"](request(method="POST", body=JOB, params={"tasks": "-1"})), 400)


async def test_links_take_the_scheme_that_the_caller_used(app: dict[str, Handler]) -> None:
    answer = await app["create_job"](post(JOB, x_forwarded_proto="http"))
    assert answer.headers["Location"] == "http://batchmgr.example/api/jobs/job-1/result"


@pytest.mark.parametrize("name", ["get_job", "get_result", "list_tasks", "list_events", "cancel_job"])
async def test_an_unknown_job_is_a_404(app: dict[str, Handler], name: str) -> None:
    document = problem(await app[name](request("/jobs/none", jobId="none")), 404)
    assert "'none'" in document["detail"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("list_jobs", {"limit": "0"}),
        ("list_jobs", {"limit": "501"}),
        ("list_jobs", {"limit": "many"}),
        ("list_jobs", {"limit": "٣"}),
        ("list_events", {"after": "-1"}),
        ("list_events", {"limit": "1e3"}),
        ("list_tasks", {"state": "lost"}),
    ],
)
async def test_a_bad_query_value_is_a_400_that_names_it(
    app: dict[str, Handler], name: str, params: dict[str, str]
) -> None:
    document = problem(await app[name](request(params=params, jobId="job-1")), 400)
    assert document["field"] in params


async def test_a_job_that_has_ended_cannot_be_cancelled(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    problem(await app["cancel_job"](request(method="POST", jobId="job-1")), 409)


class BrokenStore(MemoryJobStore):
    """A job store that can't list its records."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def list_records(self, limit: int, after: str) -> tuple[Sequence[JobRecord], str]:
        raise self._error


def app_on_broken_store(world: World, error: Exception) -> dict[str, Handler]:
    return handlers(ReadyRuntime(replace(world.ports, jobs=BrokenStore(error))))


async def test_a_busy_service_is_a_503_with_retry_after(world: World) -> None:
    app = app_on_broken_store(world, ServiceBusyError("Storage is busy", status=503))
    answer = await app["list_jobs"](request())
    assert problem(answer, 503)["detail"] == "Storage is busy"
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_service_that_refuses_is_a_502(world: World) -> None:
    app = app_on_broken_store(world, ServiceRefusedError("Storage answered 403", status=403))
    assert problem(await app["list_jobs"](request()), 502)["detail"] == "Storage answered 403"


async def test_the_health_check_names_the_failing_service(world: World) -> None:
    app = app_on_broken_store(world, ServiceBusyError("Storage is busy", status=503))
    answer = await app["get_health"](request("/health"))
    assert answer.status_code == 503
    checks = {"storage": "Storage is busy", "batch": "ok", "progress": "ok"}
    assert json.loads(answer.get_body()) == {"status": "unhealthy", "checks": checks, "workloads": []}


@pytest.mark.parametrize("name", ["list_jobs", "get_health"])
async def test_a_bug_is_raised_not_returned_as_a_response(world: World, name: str) -> None:
    app = app_on_broken_store(world, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await app[name](request())


async def test_without_settings_every_response_names_the_missing_one() -> None:
    app = handlers(Runtime(Settings(batch_key="hidden")))
    health = await app["get_health"](request("/health"))
    assert health.status_code == 503
    assert b"AzureWebJobsStorage" in health.get_body()
    for name in (
        "create_job",
        "plan_job",
        "list_jobs",
        "get_job",
        "get_result",
        "list_tasks",
        "list_events",
        "cancel_job",
    ):
        answer = await app[name](request(body=JOB, jobId="job-1"))
        assert "AzureWebJobsStorage" in problem(answer, 503)["detail"]
        assert b"hidden" not in answer.get_body()


class FullQueue(MemoryJobQueue):
    """A job request queue that refuses every message."""

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        raise ServiceNotFoundError("the queue was deleted", code="QueueNotFound", status=404)


@pytest.mark.parametrize("status", [404, 409, 403])
async def test_a_progress_queue_that_fails_neither_refuses_a_job_nor_makes_the_app_unhealthy(
    app: dict[str, Handler], world: World, status: int
) -> None:
    world.sink.failure = ServiceNotFoundError("the queue was deleted", code="QueueNotFound", status=status)
    answer = await app["create_job"](post(JOB))
    assert answer.status_code == 202
    health = await app["get_health"](request("/health"))
    assert health.status_code == 200
    body = json.loads(health.get_body())
    assert body["status"] == "degraded"
    assert body["checks"] == {"storage": "ok", "batch": "ok", "progress": "the queue was deleted"}


async def test_a_job_that_is_stored_is_accepted_even_if_it_cannot_be_enqueued(world: World) -> None:
    app = handlers(ReadyRuntime(replace(world.ports, queue=FullQueue(world.clock))))
    assert (await app["create_job"](post(JOB))).status_code == 202
    world.clock.advance(timedelta(minutes=1))
    await world.run_until_idle()
    assert world.record().state.value == "succeeded"


async def test_a_problem_is_short_whatever_was_sent(app: dict[str, Handler]) -> None:
    answer = await app["create_job"](post({**JOB, "x" * 1_000_000: 1}))
    document = problem(answer, 400)
    assert document["field"].endswith("x… [cut from 1000000 characters]")
    assert len(answer.get_body()) < 32 * 1024


async def test_tasks_come_in_pages(app: dict[str, Handler], world: World) -> None:
    tasks = [{"id": str(number), "commandLine": "true"} for number in range(1, 1200)]
    await app["create_job"](post({**JOB, "tasks": tasks}))
    await world.run_until_idle()
    path = "/jobs/job-1/tasks"
    found, sizes = [], []
    params: dict[str, str] = {}
    while True:
        page = json.loads((await app["list_tasks"](request(path, jobId="job-1", params=params))).get_body())
        found += [task["taskId"] for task in page["tasks"]]
        sizes.append(len(page["tasks"]))
        if "nextLink" not in page:
            break
        url, _, query = page["nextLink"].partition("?")
        assert url == API + path
        params = dict(parse_qsl(query))
    assert sizes == [1000, 200]
    assert len(set(found)) == 1200
    answer = await app["list_tasks"](
        request(path, jobId="job-1", params={"limit": "5", "state": "completed"})
    )
    page = json.loads(answer.get_body())
    assert len(page["tasks"]) == 5
    last = page["tasks"][-1]["taskId"]
    assert page["nextLink"].endswith(f"/tasks?state=completed&limit=5&after={last}")
    problem(await app["list_tasks"](request(path, jobId="job-1", params={"limit": "1001"})), 400)
    too_long = {"after": "x" * (MAX_TOKEN + 1)}
    document = problem(await app["list_tasks"](request(path, jobId="job-1", params=too_long)), 400)
    assert document["field"] == "after"


async def test_a_page_of_events_has_four_mebibytes_at_most(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    now = world.clock.now()
    large = {"text": "x" * 40_000}
    body = msgspec.Raw(msgspec.json.encode(large))
    events = [Event(id=str(n), type="t", subject="s", time=now, body=body) for n in range(300)]
    await append(world.events, "job-1", events, 10**6)
    after, count = 0, 0
    while True:
        params = {"after": str(after), "limit": "10000"}
        answer = await app["list_events"](request("/jobs/job-1/events", jobId="job-1", params=params))
        assert len(answer.get_body()) <= MAX_PAGE + 1000
        page = json.loads(answer.get_body())
        if not page["events"]:
            break
        count, after = count + len(page["events"]), page["last"]
    assert count == len(world.log())
    assert count > 300


async def test_a_page_of_tasks_with_long_texts_fits_into_four_mebibytes_and_has_all_of_them(
    app: dict[str, Handler], world: World
) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    job = world.batch.jobs["job-1"]
    job.remove("a")
    one = job.snapshots["batchmgr-finalize"]
    job.remove("batchmgr-finalize")
    error = TaskError(type="\x00" * 900, message="\x00" * 9000, stderr="\x00" * 9000, traceback="ü" * 9000)
    changes: dict[str, Any] = {"error": error, "display_name": "\x00" * 1024, "node_id": "n" * 64}
    for number in range(MAX_TASKS + 1):
        job.set(msgspec.structs.replace(one, task_id=f"{number:064}", **changes))
    found: list[str] = []
    params: dict[str, str] = {}
    for count in (MAX_TASKS, 1):
        answer = await app["list_tasks"](request("/jobs/job-1/tasks", jobId="job-1", params=params))
        assert len(answer.get_body()) <= MAX_PAGE
        page = json.loads(answer.get_body())
        assert len(page["tasks"]) == count
        assert all("cut from" in task["error"]["message"] for task in page["tasks"])
        found += [task["taskId"] for task in page["tasks"]]
        params = dict(parse_qsl(page.get("nextLink", "").partition("?")[2]))
    assert params == {}
    assert found == [f"{number:064}" for number in range(MAX_TASKS + 1)]


async def test_a_preview_shows_as_many_tasks_as_an_answer_holds(app: dict[str, Handler]) -> None:
    tasks = [{"id": str(n), "commandLine": "x" * 30_000} for n in range(200)]
    answer = await app["plan_job"](
        request("/plan", method="POST", body={**JOB, "tasks": tasks}, params={"tasks": "1000"})
    )
    body = json.loads(answer.get_body())
    assert body["tasks"] == 201
    assert 100 < len(body["expandedTasks"]) < 150
    assert len(answer.get_body()) <= MAX_PAGE + 1000
