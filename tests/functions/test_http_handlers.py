"""The HTTP functions called as the Python worker calls them: what goes wrong is a problem document."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.dispatcher.memory_queues import MemoryJobQueue
from batchmgr.errors import ServiceBusyError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.request_limits import MAX_TOKEN
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from tests.fakes import FakeClock
from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.functions.http_calls import API, JOB, post, problem, request
from tests.world import World


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


async def test_all_problems_of_a_job_are_told_at_once(app: dict[str, Handler]) -> None:
    body = {
        "jobId": "a b",
        "priority": 5000,
        "callBackUri": "ftp://x",
        "tasks": [
            {"id": "a", "commandLine": "true", "dependsOn": ["z"]},
            {"id": "a", "commandLine": "true", "inputFiles": [{"sourceBlobPath": "../b"}]},
        ],
    }
    document = problem(await app["create_job"](post(body)), 400)
    told = [error["field"] for error in document["errors"]]
    assert told[0] == document["field"]
    assert {"jobId", "priority", "callBackUri", "tasks[1].id", "tasks[0].dependsOn[0]"} <= set(told)
    assert any(field.startswith("tasks[1].inputFiles[0]") for field in told)
    assert document["code"] == "InvalidJob"
    shown = json.loads((await app["plan_job"](post(body))).get_body())["problems"]
    assert [one["field"] for one in shown] == told


async def test_a_command_that_looks_as_if_it_were_for_a_shell_is_warned_of(app: dict[str, Handler]) -> None:
    tasks = [{"id": "a", "commandLine": "true"}, {"id": "b", "commandLine": "sort a > b && echo $HOME"}]
    factory = {
        "type": "parametricSweep",
        "parameters": {"p": {"start": 1, "end": 3}},
        "repeatTask": {"commandLine": "run {p} | tee log"},
    }
    for work, field, signs in (
        ({"tasks": tasks}, "tasks[1].commandLine", "> and && and $HOME"),
        ({"taskFactory": factory}, "taskFactory.repeatTask.commandLine", "has |,"),
    ):
        for name in ("create_job", "plan_job"):
            answer = await app[name](post({"jobId": next(iter(work)), **work}))
            warnings = json.loads(answer.get_body())["warnings"]
            assert [one["field"] for one in warnings] == [field]
            assert signs in warnings[0]["reason"]
    assert "warnings" not in json.loads((await app["create_job"](post(JOB))).get_body())


async def test_an_error_has_a_code_in_the_body_and_in_a_header(app: dict[str, Handler]) -> None:
    response = await app["get_job"](request("/jobs/none", jobId="none"))
    assert problem(response, 404)["code"] == response.headers["x-ms-error-code"] == "JobNotFound"


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


@pytest.mark.parametrize(
    ("url", "forwarded", "location"),
    [
        (API, "javascript", "https://batchmgr.example/api"),
        (API, "HTTP, https", "http://batchmgr.example/api"),
        (API, "", "https://batchmgr.example/api"),
        ("ftp://batchmgr.example/api", "data:", "https://batchmgr.example/api"),
        ("https://[::1]:7071/api", "https", "https://[::1]:7071/api"),
        ("https://user@evil.example/api", "https", "/api"),
        ('https://a"><script>/api', "https", "/api"),
        ("https://a b/api", "https", "/api"),
    ],
)
async def test_only_a_scheme_and_a_host_that_are_such_get_into_links(
    app: dict[str, Handler], url: str, forwarded: str, location: str
) -> None:
    headers = {
        "x-forwarded-proto": forwarded,
        "x-forwarded-host": "evil.example",
        "x-original-host": "evil.example",
        "forwarded": "host=evil.example;proto=javascript",
        "x-original-url": "https://evil.example/",
    }
    body = json.dumps(JOB).encode()
    answer = await app["create_job"](func.HttpRequest("POST", f"{url}/jobs", headers=headers, body=body))
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{location}/jobs/job-1/result"
    assert json.loads(answer.get_body())["statusUri"] == f"{location}/jobs/job-1"


@pytest.mark.parametrize(
    "name", ["get_job", "get_result", "list_tasks", "list_events", "cancel_job", "redrive_job"]
)
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
        ("list_tasks", {"exitCode": "1.0"}),
        ("list_tasks", {"exitCode": "--1"}),
        ("list_tasks", {"exitCode": "99999999999"}),
        ("list_tasks", {"select": "taskId,colour"}),
        ("list_tasks", {"after": "x" * (MAX_TOKEN + 1)}),
        ("list_jobs", {"after": "x" * (MAX_TOKEN + 1)}),
        ("list_jobs", {"after": "\0"}),
        ("list_jobs", {"after": "ü"}),
        ("list_jobs", {"state": "lost"}),
        ("list_jobs", {"state": "failed,Failed"}),
        ("list_jobs", {"since": "yesterday"}),
        ("list_jobs", {"until": "2026-01-01T00:00:00"}),
        ("list_jobs", {"select": "jobId,colour"}),
        ("plan_job", {"tasks": "1001"}),
    ],
)
async def test_a_bad_query_value_is_a_400_that_names_it(
    app: dict[str, Handler], name: str, params: dict[str, str]
) -> None:
    document = problem(await app[name](request(params=params, jobId="job-1")), 400)
    assert document["title"] == "A query parameter is wrong"
    assert document["field"] in params
    assert document["errors"] == [{"detail": document["detail"], "parameter": document["field"]}]


async def test_a_job_that_has_ended_cannot_be_cancelled(app: dict[str, Handler], world: World) -> None:
    await app["create_job"](post(JOB))
    await world.run_until_idle()
    problem(await app["cancel_job"](request(method="POST", jobId="job-1")), 409)


TOKEN = base64.urlsafe_b64encode(b'{"after":"","pages":{"active":"?"}}').decode()


class BrokenStore(MemoryJobStore):
    """A job store that can't list its records, nor jobs."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeClock())
        self._error = error

    async def list_ids(self, limit: int, token: str) -> tuple[Sequence[str], str]:
        raise self._error

    async def keys(self, part: ListPart, token: str) -> tuple[Sequence[str], str]:
        raise self._error

    async def page(self, part: ListPart, limit: int, token: str) -> tuple[Sequence[JobEntry], str]:
        raise self._error

    async def add(self, entry: JobEntry) -> None:
        raise self._error

    async def remove(self, entry: JobEntry) -> None:
        raise self._error


def app_on_broken_store(world: World, error: Exception) -> dict[str, Handler]:
    broken = BrokenStore(error)
    return handlers(ReadyRuntime(replace(world.ports, jobs=broken, listing=broken)))


async def test_a_busy_service_is_a_503_with_retry_after(world: World) -> None:
    app = app_on_broken_store(world, ServiceBusyError("Storage is busy", status=503))
    answer = await app["list_jobs"](request())
    assert problem(answer, 503)["detail"] == "Storage is busy"
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_token_that_storage_does_not_know_is_a_400(world: World) -> None:
    app = app_on_broken_store(world, ServiceRefusedError("OutOfRangeInput", status=400))
    assert problem(await app["list_jobs"](request(params={"after": TOKEN})), 400)["field"] == "after"
    problem(await app["list_jobs"](request()), 502)
    assert problem(await app["list_jobs"](request(params={"after": "none"})), 400)["field"] == "after"


async def test_a_service_that_refuses_is_a_502(world: World) -> None:
    app = app_on_broken_store(world, ServiceRefusedError("Storage answered 403", status=403))
    assert problem(await app["list_jobs"](request()), 502)["detail"] == "Storage answered 403"


async def test_the_health_check_names_the_failing_service(world: World) -> None:
    app = app_on_broken_store(world, ServiceBusyError("Storage is busy", status=503))
    assert (await app["get_health"](request("/health"))).status_code == 503
    answer = await app["get_health_details"](request("/health/details"))
    assert answer.status_code == 503
    checks = {"storage": "Storage is busy", "batch": "ok", "progress": "ok"}
    assert json.loads(answer.get_body()) == {"status": "unhealthy", "checks": checks, "workloads": []}


@pytest.mark.parametrize("name", ["list_jobs", "get_health", "get_health_details"])
async def test_a_bug_is_raised_not_returned_as_a_response(world: World, name: str) -> None:
    app = app_on_broken_store(world, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await app[name](request())


async def test_without_settings_every_response_names_the_missing_one() -> None:
    app = handlers(Runtime(Settings(batch_key="hidden")))
    health = await app["get_health_details"](request("/health/details"))
    assert health.status_code == 503
    assert b"AzureWebJobsStorage" in health.get_body()
    assert json.loads((await app["get_health"](request("/health"))).get_body()) == {"status": "unhealthy"}
    for name in (
        "create_job",
        "plan_job",
        "list_jobs",
        "get_job",
        "get_result",
        "list_tasks",
        "list_events",
        "cancel_job",
        "redrive_job",
        "rerun_job",
        "list_dead_letters",
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
    health = await app["get_health_details"](request("/health/details"))
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
