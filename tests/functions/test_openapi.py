"""The OpenAPI document says what the API takes and answers: all of it, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from batchmgr.functions import http_job_progress
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.follow import follow
from tests.functions.app import Handler, http_routes
from tests.functions.http_calls import JOB, post, request
from tests.functions.openapi_checks import Json, check_answer
from tests.functions.served_app import served
from tests.number_of_examples import examples
from tests.world import World, job_message, task

CALLS = 400
"""How many calls are drawn, of all operations together."""


@pytest.fixture
async def document(app: dict[str, Handler]) -> Json:
    return check_answer(
        json.loads((await app["get_openapi"](request("/openapi.json"))).get_body()),
        "openapi",
        await app["get_openapi"](request("/openapi.json")),
    )


def test_every_route_is_in_the_document_and_no_other(document: Json) -> None:
    told = {(method.upper(), path.lstrip("/")) for path, of in document["paths"].items() for method in of}
    assert told == {(method, route.replace("{*", "{")) for method, route in http_routes().values()}
    ids = [operation["operationId"] for of in document["paths"].values() for operation in of.values()]
    assert len(set(ids)) == len(ids)


def test_the_document_is_valid_and_names_the_app(document: Json) -> None:
    assert document["servers"] == [{"url": "https://batchmgr.example/api"}]
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema["description"], name
    assert "task_factory" not in json.dumps(document)
    assert "rerunOf" not in document["components"]["schemas"]["JobMessage"]["properties"]


def test_durations_show_an_example_and_enumerations_their_words(document: Json) -> None:
    schemas = document["components"]["schemas"]
    limit = schemas["JobMessage"]["properties"]["maxWallClockTime"]["anyOf"]
    assert {"type": "string", "format": "duration", "examples": ["PT1H30M"]} in limit
    assert {"task", "pool"} <= set(schemas["UserIdentityMessage"]["properties"]["scope"]["enum"])


async def test_real_answers_are_as_described(app: dict[str, Handler], world: World, document: Json) -> None:
    accepted = check_answer(document, "submit", await app["create_job"](post(JOB)))
    assert accepted["state"] == "queued"
    for body in (
        {"jobId": 1},
        {**JOB, "tasks": []},
        {**JOB, "priority": 3},
    ):
        check_answer(document, "submit", await app["create_job"](post(body)))
    check_answer(document, "plan", await app["plan_job"](post({**JOB, "priority": 5000})))
    check_answer(document, "plan", await app["plan_job"](post(JOB)))
    check_answer(document, "upload", await app["create_upload"](post({})))
    check_answer(document, "healthDetails", await app["get_health_details"](request("/health/details")))
    check_answer(document, "health", await app["get_health"](request("/health")))
    await answers_about(app, document, "job-1")
    world.batch.fails = {"b"}
    world.callbacks.failures = 1000
    world.enqueue(job_message(task("a"), task("b"), task("c", "true", "b"), job_id="job-2"))
    await world.run_until_idle(pause=timedelta(hours=1))
    await answers_about(app, document, "job-2")
    assert check_answer(document, "deadLetters", await app["list_dead_letters"](request("/dead-letters")))
    for operation, name in (("redrive", "redrive_job"), ("rerun", "rerun_job"), ("cancel", "cancel_job")):
        for _ in range(2):
            asked = request(f"/jobs/job-2/{operation}", method="POST", body={}, jobId="job-2")
            check_answer(document, operation, await app[name](asked))
    asked = request("/jobs/job-2", method="DELETE", jobId="job-2")
    check_answer(document, "purge", await app["delete_job"](asked))


async def answers_about(app: dict[str, Handler], document: Json, job_id: str) -> None:
    """Ask for all that can be known of a job, and of one that is not there."""
    names = {"status": "get_job", "result": "get_result", "tasks": "list_tasks", "events": "list_events"}
    for operation, name in names.items():
        for asked in (job_id, "none"):
            check_answer(document, operation, await app[name](request(f"/jobs/{asked}", jobId=asked)))
    for limit in ("1", "0"):
        check_answer(document, "list", await app["list_jobs"](request(params={"limit": limit})))


def drawn_schema(document: Json) -> Any:
    """The document, with ids of jobs that are there and of one that is not."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "jobId":
                    parameter["schema"] = {"enum": ["job-1", "job-2", "none", "a b", "%00", "x" * 300]}
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """A served app with a job that has ended, and one that has not. Nobody waits for news for long."""
    world = World()
    asyncio.run(some_jobs(world))

    def followed_briefly(ports: Ports, job_id: str, wait: timedelta) -> AsyncIterator[Versioned[JobRecord]]:
        return follow(ports, job_id, min(wait, timedelta(milliseconds=20)))

    with pytest.MonkeyPatch.context() as patch, served(world) as url:
        patch.setattr(http_job_progress, "follow", followed_briefly)
        yield url


async def some_jobs(world: World) -> None:
    world.batch.fails = {"b"}
    world.enqueue(job_message(task("a"), task("b"), job_id="job-2"))
    await world.run_until_idle()
    world.enqueue(job_message(task("a"), job_id="job-1"))
    await world.tick()


@pytest.fixture(scope="module")
def operations(api: str) -> list[Any]:
    document = requests.get(f"{api}/openapi.json", timeout=30).json()
    return [one.ok() for one in drawn_schema(document).get_all_operations() if isinstance(one, Ok)]


@settings(examples(CALLS), suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_whatever_is_sent_the_answer_is_as_described(
    api: str, operations: list[Any], data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(operations), label="operation")
    mode = data.draw(st.sampled_from(GenerationMode), label="mode")
    call = data.draw(operation.as_strategy(generation_mode=mode), label="call")
    call.call_and_validate(base_url=api, excluded_checks=[ignored_auth, positive_data_acceptance])
