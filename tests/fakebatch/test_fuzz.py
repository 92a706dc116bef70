"""Whatever is sent, the service never breaks: it answers, and never with an error of its own."""

import copy
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batchmgr.local.fakebatch.operations.surface import OPERATIONS
from batchmgr.local.fakebatch.operations.table import Operation
from batchmgr.local.fakebatch.server import Options, serving
from tests.fakebatch.raw_http import request

_IDS = {"poolId": "hpc", "jobId": "job", "taskId": "t", "jobScheduleId": "s", "userName": "me"}
_ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**40,
    1.5,
    "",
    "\x00",
    "ä\r\nx: y",
    "P1D",
    "../..",
    "x" * 5000,
    [],
    [None],
    {},
    [{}],
    {"x": 1},
)
_CONTAINER = "http://127.0.0.1:9/c"
_TASK = {
    "id": "new",
    "commandLine": "true",
    "resourceFiles": [{"httpUrl": _CONTAINER, "filePath": "a"}],
    "outputFiles": [
        {
            "filePattern": "*",
            "destination": {"container": {"containerUrl": _CONTAINER}},
            "uploadOptions": {"uploadCondition": "taskSuccess"},
        }
    ],
    "environmentSettings": [{"name": "A", "value": "b"}],
    "constraints": {"maxTaskRetryCount": 1, "maxWallClockTime": "PT1M", "retentionTime": "PT1H"},
    "dependsOn": {"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 3}]},
    "exitConditions": {"exitCodes": [{"code": 1, "exitOptions": {"dependencyAction": "satisfy"}}]},
    "multiInstanceSettings": {"numberOfInstances": 2, "coordinationCommandLine": "true"},
    "userIdentity": {"autoUser": {"scope": "pool"}},
    "requiredSlots": 1,
}
_POOL = {
    "id": "new",
    "vmSize": "small",
    "targetDedicatedNodes": 0,
    "startTask": {"commandLine": "true", "waitForSuccess": True},
    "metadata": [{"name": "a", "value": "b"}],
    "taskSchedulingPolicy": {"nodeFillType": "Pack"},
    "networkConfiguration": {"subnetId": "x"},
}
_JOB = {
    "id": "new",
    "poolInfo": {"poolId": "hpc"},
    "constraints": {"maxWallClockTime": "PT1H"},
    "jobManagerTask": {"id": "jm", "commandLine": "true"},
    "jobPreparationTask": {"commandLine": "true"},
    "jobReleaseTask": {"commandLine": "true"},
    "commonEnvironmentSettings": [{"name": "A", "value": "b"}],
    "onAllTasksComplete": "noaction",
    "usesTaskDependencies": True,
}
_SCHEDULE = {
    "id": "new",
    "schedule": {"recurrenceInterval": "PT1H", "doNotRunUntil": "2099-01-01T00:00:00Z"},
    "jobSpecification": {key: value for key, value in _JOB.items() if key != "id"},
}
_BODIES: dict[str, Any] = {
    "/pools": _POOL,
    "/pools/{poolId}": _POOL,
    "/pools/{poolId}/updateproperties": _POOL,
    "/pools/{poolId}/resize": {"targetDedicatedNodes": 1, "resizeTimeout": "PT15M"},
    "/pools/{poolId}/enableautoscale": {"autoScaleFormula": "$TargetDedicatedNodes=1;"},
    "/pools/{poolId}/evaluateautoscale": {"autoScaleFormula": "$TargetDedicatedNodes=avg(1, 2);"},
    "/pools/{poolId}/removenodes": {"nodeList": ["n"], "nodeDeallocationOption": "requeue"},
    "/jobs": _JOB,
    "/jobs/{jobId}": _JOB,
    "/jobs/{jobId}/disable": {"disableTasks": "requeue"},
    "/jobs/{jobId}/tasks": _TASK,
    "/jobs/{jobId}/tasks/{taskId}": _TASK,
    "/jobs/{jobId}/addtaskcollection": {"value": [_TASK]},
    "/jobschedules": _SCHEDULE,
    "/jobschedules/{jobScheduleId}": _SCHEDULE,
}
_ANY_BODY = {"name": "me", "password": "p", "startTime": "2024-01-01T00:00:00Z", "containerUrl": _CONTAINER}
_QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"$filter": "state eq 'active' and id ge 'a'"},
    {"$filter": "((((id eq"},
    {"$filter": "not not not startswith(id,'')", "$select": "id,,nothing", "$expand": "\x00"},
    {"maxresults": "-1"},
    {"maxresults": "٣", "$skiptoken": "ü"},
    {"timeOut": "never", "recursive": "perhaps"},
)
_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"If-Match": '"0x8D", *'},
    {"If-Modified-Since": "Thu, 99 Foo 2024 00:00:00 GMT"},
    {"If-Unmodified-Since": "Mon, 01 Jan 0001 00:00:00 GMT"},
    {"ocp-range": "bytes=5-1"},
    {"return-client-request-id": "true", "client-request-id": "x" * 300},
)


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    pool: dict[str, object] = {"id": "hpc", "vmSize": "small", "targetDedicatedNodes": 1}
    async with serving(Options(root=tmp_path, pools=(pool,), active_job_quota=10_000)) as endpoint:
        yield endpoint


def _spoiled(body: Any, random: Random) -> Any:
    """Return a body in which one value, somewhere, is another one, or a property is added or left out."""
    spoiled = copy.deepcopy(body)
    place = spoiled
    while True:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.3:
            break
        place = inner
    if isinstance(place, dict) and random.random() < 0.15:
        del place[key]
    else:
        place[key] = random.choice(_ODD)
    return spoiled


async def _send(address: str, operation: Operation, random: Random) -> int:
    path = operation.path.replace("{filePath:.+}", "wd/a")
    for name, value in _IDS.items():
        path = path.replace(f"{{{name}}}", value if random.random() < 0.9 else "none")
    if "{nodeId}" in path:
        nodes = (await request(address, "GET", "/pools/hpc/nodes")).json.get("value", [])
        path = path.replace("{nodeId}", nodes[0]["id"] if nodes else "none")
    body = None
    if operation.method in ("POST", "PUT", "PATCH"):
        body = _spoiled(_BODIES.get(operation.path, _ANY_BODY), random)
        body = json.dumps(body).encode()[:-1] if random.random() < 0.05 else body
    headers = dict(random.choice(_HEADERS)) if random.random() < 0.3 else None
    query = random.choice(_QUERIES) if operation.method == "GET" else None
    reply = await request(address, operation.method, path, body, query=query, headers=headers)
    return reply.status


async def test_no_request_makes_the_service_fail(address: str, caplog: pytest.LogCaptureFixture) -> None:
    random = Random(20240201)
    operations = [operation for operation in OPERATIONS if operation.is_in("2025-06-01")]
    # What takes a body has most to get wrong.
    bodies = [operation for operation in operations if operation.path in _BODIES]
    seen: set[int] = set()
    with caplog.at_level(logging.ERROR):
        for round_number in range(8):
            job = {"id": "job", "poolInfo": {"poolId": "hpc"}, "usesTaskDependencies": True}
            await request(address, "POST", "/jobs", job)
            await request(address, "POST", "/jobs/job/tasks", {"id": "t", "commandLine": "true"})
            for operation in (*operations, *bodies, *bodies, *bodies):
                if operation.method == "DELETE" and round_number < 7:
                    continue
                status = await _send(address, operation, random)
                assert status != 500, (operation.method, operation.path, status)
                seen.add(status)
    assert [record.message for record in caplog.records] == []
    assert {200, 201, 400, 404, 409} <= seen
