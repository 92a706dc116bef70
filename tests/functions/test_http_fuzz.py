"""Whatever is sent over HTTP, the answer is no 5xx and no exception: mistakes are those of the caller."""

import asyncio
import json
from typing import Any

import azure.functions as func
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batchmgr.functions.http_responses import PROBLEM
from tests.functions.app import Handler, ReadyRuntime, handlers
from tests.world import World

EVERYTHING: dict[str, Any] = {
    "version": 1,
    "jobId": "job-1",
    "tasks": [
        {
            "id": "a",
            "commandLine": "true",
            "displayName": "A",
            "environment": {"A": "1"},
            "dependsOn": [],
            "inputFiles": [{"containerName": "in", "sourceBlobPath": "a", "targetFilePath": "a"}],
            "outputFiles": [{"sourceFilePath": "b", "containerName": "out", "targetBlobPath": "b"}],
            "maxTaskRetryCount": 1,
            "maxWallClockTime": "PT1H",
            "requiredSlots": 1,
            "userIdentity": {"autoUser": {"scope": "task"}},
            "containerSettings": {"imageName": "x"},
            "applicationPackages": [{"applicationId": "a", "version": "1"}],
        },
    ],
    "workload": "w",
    "inputs": {"a": {"b": [1, None, "c"]}},
    "taskFactory": {
        "type": "parametricSweep",
        "parameters": {"p": {"start": 1, "end": 3, "step": 1}},
        "repeatTask": {"commandLine": "x {p}"},
    },
    "poolId": "local",
    "priority": 1,
    "maxParallelTasks": 1,
    "maxWallClockTime": "PT1H",
    "stallLimit": "PT1H",
    "environment": {"E": "v"},
    "callBackUri": "https://allowed/callback?secret=1",
    "notify": ["job.*"],
    "metadata": {"m": "v"},
    "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
}
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "\0",
            "\ud800",
            "../..",
            "{",
            "{p}",
            "%00",
            "P9999999D",
            "-1",
            "job-1",
            "https://[",
            "x" * 70_000,
        ]
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside of this one."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


PLACES = places(EVERYTHING)
WORK = ("tasks", "workload", "inputs", "taskFactory")


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A job message in which a few values are others."""
    message = json.loads(json.dumps(EVERYTHING))
    kept = draw(st.sampled_from([("tasks",), ("workload", "inputs"), ("taskFactory",), WORK]))
    for name in set(WORK) - set(kept):
        del message[name]
    for path in draw(st.lists(st.sampled_from(PLACES), max_size=3)):
        inner = message
        for key in path[:-1]:
            try:
                inner = inner[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(inner, dict) or (isinstance(inner, list) and path[-1] < len(inner)):
                inner[path[-1]] = draw(VALUES)
    return json.dumps(message).encode()


BODIES = st.one_of(
    messages(), st.binary(max_size=200), VALUES.map(lambda value: json.dumps(value).encode(errors="ignore"))
)
HEADERS = st.dictionaries(
    st.sampled_from(["idempotency-key", "traceparent", "x-forwarded-proto", "content-type", "host"]), TEXTS
)
NAMES = ["limit", "after", "state", "tasks", "wait", "since", "until", "select", "prefix", "workload"]
NAMES += ["metadata.a", "metadata.", "exitCode", "kind", "node", "error"]
PARAMS = st.dictionaries(st.sampled_from(NAMES), TEXTS)


def deep(field: str, depth: int) -> bytes:
    return f'{{"jobId": "d", "workload": "w", "{field}": {"[" * depth}{"]" * depth}}}'.encode()


def call(app: dict[str, Handler], name: str, request: func.HttpRequest) -> None:
    async def asked() -> func.HttpResponse:
        answer: func.HttpResponse = await app[name](request)
        return answer

    answer = asyncio.run(asked())
    assert answer.status_code < 500, answer.get_body()
    if answer.status_code >= 400:
        assert answer.mimetype == PROBLEM
        assert json.loads(answer.get_body())["detail"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["create_job", "plan_job", "create_upload"]), BODIES, HEADERS, PARAMS)
@example("create_job", deep("inputs", 900), {}, {})
@example("plan_job", deep("inputs", 100_000), {}, {})
@example("create_job", deep("metadata", 100_000), {}, {})
def test_no_body_makes_a_5xx(name: str, body: bytes, headers: dict[str, str], params: dict[str, str]) -> None:
    request = func.HttpRequest(
        "POST", "https://a.example/api/jobs", headers=headers, params=params, body=body
    )
    call(handlers(ReadyRuntime(World().ports)), name, request)


@given(
    st.sampled_from(
        [
            *("list_jobs", "get_job", "get_result", "list_events", "cancel_job"),
            *("list_tasks", "get_task", "get_timeline"),
        ]
    ),
    TEXTS,
    HEADERS,
    PARAMS,
)
def test_no_address_and_no_query_makes_a_5xx(
    name: str, job_id: str, headers: dict[str, str], params: dict[str, str]
) -> None:
    request = func.HttpRequest(
        "GET",
        "https://a.example/api/jobs",
        headers=headers,
        params=params,
        route_params={"jobId": job_id, "taskId": job_id},
        body=b"",
    )
    call(handlers(ReadyRuntime(World().ports)), name, request)
