"""For any request, the service responds as specified, and never with an internal error."""

import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from fakebatch.operations.all_operations import OPERATIONS
from fakebatch.quotas import Quotas
from fakebatch.server import Options, serving
from tests.fakebatch import fuzzing
from tests.fakebatch.raw_http import request

_CALLS = {operation.label: operation for operation in fuzzing.operations(fuzzing.requests_schema())}
_ANSWERS = {operation.label: operation for operation in fuzzing.operations(fuzzing.answers_schema())}
_IDS = {"poolId": "hpc", "jobId": "job", "taskId": "t", "jobScheduleId": "s", "userName": "me"}
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**40, 1.5, [], [None], {}, [{}], {"x": 1}),
    *("", "\x00", "ä\r\nx: y", "P1D", "../..", "x" * 5000),
)
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


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fuzzing.Service]:
    with fuzzing.running(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def _aimed(case: fuzzing.Drawn, ids: dict[str, list[str]], random: Random) -> fuzzing.Drawn:
    """Return the call with ids of resources that exist and with a valid API version."""
    for name in case.path_parameters or {}:
        if name in ids:
            case.path_parameters[name] = random.choice(ids[name])
    case.query["api-version"] = fuzzing.VERSION
    return case


def _without_conditions(case: fuzzing.Drawn) -> fuzzing.Drawn:
    """Return the call without what would make nearly every call fail early."""
    for name in [name for name in case.headers if name.lower().startswith("if-")]:
        del case.headers[name]
    return case


def _labels() -> list[object]:
    """Name all operations. Those that are not of jobs and tasks are left to `make chaos`."""
    others = [pytest.mark.thorough]
    return [
        pytest.param(label, marks=[] if f"{operation.path}/".startswith("/jobs/") else others)
        for label, operation in _CALLS.items()
    ]


@pytest.mark.parametrize("label", _labels())
def test_answers_are_as_specified(
    label: str, service: fuzzing.Service, caplog: pytest.LogCaptureFixture
) -> None:
    operation = _CALLS[label]
    ids = service.new_world() if "{" in operation.path else {}
    seen: Counter[int] = Counter()

    def send(case: fuzzing.Drawn) -> None:
        answer = service.call(case)
        seen[answer.status_code] += 1
        assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, answer.text
        _ANSWERS[label].validate_response(answer)

    quiet = settings(
        max_examples=4 if operation.body else 2,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    chance = st.randoms(use_true_random=False)

    @quiet
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), chance)
    def send_what_is_specified(case: fuzzing.Drawn, random: Random) -> None:
        send(_without_conditions(_aimed(case, ids, random)))

    @quiet
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), chance)
    def send_what_is_not(case: fuzzing.Drawn, random: Random) -> None:
        # Most of the ids exist. With a wrong id, nothing else of the call is checked.
        send(_aimed(case, ids, random) if random.random() < 0.9 else case)

    send_what_is_specified()
    send_what_is_not()
    assert seen.total() > 0
    assert _errors(caplog) == []


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    pool: dict[str, object] = {"id": "hpc", "vmSize": "small", "targetDedicatedNodes": 1}
    async with serving(Options(root=tmp_path, pools=(pool,), quotas=Quotas(active_jobs=10_000))) as endpoint:
        yield endpoint


async def test_odd_conditions_queries_and_values_make_no_operation_fail(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: set[int] = set()
    latest = [operation for operation in OPERATIONS if operation.is_in("2025-06-01")]
    # Calls that delete things come last.
    latest.sort(key=lambda operation: operation.method == "DELETE")
    await request(address, "POST", "/jobs", {"id": "job", "poolInfo": {"poolId": "hpc"}})
    await request(address, "POST", "/jobs/job/tasks", {"id": "t", "commandLine": "true"})
    node = (await request(address, "GET", "/pools/hpc/nodes")).json["value"][0]["id"]
    odd = itertools.cycle(_ODD)
    for operation in latest:
        path = operation.path.replace("{filePath:.+}", "wd/a").replace("{nodeId}", node)
        for name, value in _IDS.items():
            path = path.replace(f"{{{name}}}", value)
        for query, headers in zip(_QUERIES, (*_HEADERS, {}), strict=True):
            body = next(odd) if operation.method in ("POST", "PUT", "PATCH") else None
            reply = await request(address, operation.method, path, body, query=query, headers=headers)
            assert reply.status != 500, (operation.method, path, body)
            seen.add(reply.status)
    assert _errors(caplog) == []
    assert {200, 400, 404, 409} <= seen
