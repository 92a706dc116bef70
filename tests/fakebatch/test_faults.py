"""Injected faults, as clients see them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.batch.aio import BatchClient

from fakebatch.errors import FaultRefusedError
from fakebatch.faults.fault_rules import FaultRules
from fakebatch.faults.operation_names import name_of
from fakebatch.operations.all_operations import OPERATIONS
from fakebatch.quotas import Quotas, cores_of
from fakebatch.server import Options, serving
from fakebatch.simulation.simulation_plan import parse_plan
from fakebatch.testing import FakeBatchProcess, FaultClient
from tests.fakebatch.driving import add_job, add_task, credential, task_in_state, until
from tests.fakebatch.raw_http import Reply, request


@pytest.fixture(scope="module")
def process() -> Iterator[FakeBatchProcess]:
    with FakeBatchProcess("--pool", "hpc=1x2", "--executor", "simulated") as service:
        yield service


@pytest.fixture
async def fake(process: FakeBatchProcess) -> AsyncIterator[FakeBatchProcess]:
    yield process
    process.faults.clear()
    async with BatchClient(process.endpoint, credential()) as batch:
        for job in [job.id async for job in batch.list_jobs()]:
            await (await batch.begin_delete_job(job, polling_interval=0)).result()


async def _create_job(fake: FakeBatchProcess, job_id: str = "job", pool: str = "later") -> Reply:
    body = {"id": job_id, "poolInfo": {"poolId": pool}}
    return await request(fake.endpoint, "POST", "/jobs", body)


async def _jobs(fake: FakeBatchProcess) -> list[str]:
    return [job["id"] for job in (await request(fake.endpoint, "GET", "/jobs")).json["value"]]


async def test_a_request_is_refused_as_often_as_asked_for(fake: FakeBatchProcess) -> None:
    fake.faults.add("error", "create_job", status=503, retryAfter=3, count=2)
    refused = [await _create_job(fake) for _ in range(2)]
    assert [(reply.status, reply.code, reply.headers["Retry-After"]) for reply in refused] == [
        (503, "ServerBusy", "3")
    ] * 2
    assert await _jobs(fake) == []
    assert (await _create_job(fake)).status == 201


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"status": 429}, (429, "TooManyRequests")),
        ({"status": 500}, (500, "InternalError")),
        ({"code": "OperationTimedOut"}, (500, "OperationTimedOut")),
        ({"code": "ActiveJobAndScheduleQuotaReached"}, (409, "ActiveJobAndScheduleQuotaReached")),
        ({}, (503, "ServerBusy")),
    ],
)
async def test_an_error_is_chosen_by_its_status_or_its_code(
    fake: FakeBatchProcess, details: dict[str, Any], expected: tuple[int, str]
) -> None:
    fake.faults.add("error", "create_job", **details)
    reply = await _create_job(fake)
    assert (reply.status, reply.code) == expected


async def test_the_official_client_waits_and_tries_again(fake: FakeBatchProcess) -> None:
    await _create_job(fake)
    rule = fake.faults.add("error", "get_job", status=429, retryAfter=1, count=1)
    started = time.monotonic()
    async with BatchClient(fake.endpoint, credential()) as batch:
        assert (await batch.get_job("job")).id == "job"
    assert time.monotonic() - started >= 1
    found = [shown for shown in fake.faults.rules() if shown["id"] == rule]
    assert [(shown["met"], shown["struck"]) for shown in found] == [(1, 1)]


async def test_a_connection_cut_before_the_effect_leaves_nothing(fake: FakeBatchProcess) -> None:
    fake.faults.add("cut", "create_job", when="before")
    with pytest.raises(aiohttp.ClientConnectionError):
        await _create_job(fake)
    assert await _jobs(fake) == []


async def test_a_lost_answer_leaves_the_effect(fake: FakeBatchProcess) -> None:
    fake.faults.add("cut", "create_job", count=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await _create_job(fake)
    assert await _jobs(fake) == ["job"]
    assert (await _create_job(fake)).code == "JobExists"


async def test_a_request_is_delayed(fake: FakeBatchProcess) -> None:
    fake.faults.add("latency", "list_*", seconds=0.3)
    started = time.monotonic()
    await _jobs(fake)
    assert time.monotonic() - started >= 0.3


async def test_an_answer_comes_slowly_but_whole(fake: FakeBatchProcess) -> None:
    await _create_job(fake)
    fast = await request(fake.endpoint, "GET", "/jobs")
    fake.faults.add("slow", "list_jobs", bytesPerSecond=4 * len(fast.body))
    started = time.monotonic()
    slow = await request(fake.endpoint, "GET", "/jobs")
    assert slow.body == fast.body
    assert time.monotonic() - started >= 0.2


async def test_task_counts_lag_behind(fake: FakeBatchProcess) -> None:
    fake.faults.add("countsLag", seconds=0.5)
    async with BatchClient(fake.endpoint, credential()) as batch:
        await add_job(batch)
        await add_task(batch, "t")
        await task_in_state(batch, "t")
        shown = (await batch.get_job_task_counts("job")).task_counts
        assert (shown.active, shown.running, shown.completed) == (0, 0, 0)

        async def caught_up() -> bool:
            return (await batch.get_job_task_counts("job")).task_counts.completed == 1

        await until(caught_up)


async def test_task_counts_are_wrong(fake: FakeBatchProcess) -> None:
    fake.faults.add("countsOff", active=2, completed=-1)
    await _create_job(fake)
    reply = await request(fake.endpoint, "GET", "/jobs/job/taskcounts")
    counts = {"active": 2, "running": 0, "completed": -1, "succeeded": 0, "failed": 0}
    assert reply.json["taskCounts"] == counts


async def test_rules_are_removed_one_by_one_or_all(fake: FakeBatchProcess) -> None:
    first, second = fake.faults.add("latency", seconds=0), fake.faults.add("error", "create_job")
    fake.faults.clear(first)
    assert [rule["id"] for rule in fake.faults.rules()] == [second]
    fake.faults.clear()
    assert fake.faults.rules() == []
    with pytest.raises(FaultRefusedError):
        fake.faults.clear(first)


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "earthquake"},
        {"fault": "latency"},
        {"fault": "latency", "seconds": -1},
        {"fault": "error", "code": "NoSuchCode"},
        {"fault": "error", "probability": 1.5},
        {"fault": "cut", "when": "during"},
        {"fault": "cut", "color": "red"},
    ],
)
async def test_a_rule_that_is_not_understood_is_refused(fake: FakeBatchProcess, rule: dict[str, Any]) -> None:
    with pytest.raises(FaultRefusedError, match=r"Invalid|Missing"):
        fake.faults.add(**rule)


def test_a_seed_repeats_the_choices_of_a_rule() -> None:
    def struck(seed: int) -> list[bool]:
        rules = FaultRules()
        rules.add({"fault": "error", "operation": "*", "probability": 0.3, "seed": seed})
        return [bool(rules.apply_to("get_job")) for _ in range(200)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_every_operation_has_a_name() -> None:
    unnamed = [
        operation.path
        for operation in OPERATIONS
        if operation.until is None and " " in name_of(operation.method, operation.path)
    ]
    assert unnamed == []


async def test_faults_strike_requests_that_come_at_once(fake: FakeBatchProcess) -> None:
    fake.faults.add("error", "create_job", status=500, count=3)
    replies = await asyncio.gather(*(_create_job(fake, f"job-{number}") for number in range(10)))
    assert sorted(reply.status for reply in replies) == [201] * 7 + [500] * 3


async def _add_pool(fake: FakeBatchProcess, pool_id: str, **targets: int) -> None:
    body = {"id": pool_id, "vmSize": "small", **targets}
    assert (await request(fake.endpoint, "POST", "/pools", body)).status == 201


async def _steady(fake: FakeBatchProcess, pool_id: str) -> dict[str, Any]:
    async def is_steady() -> bool:
        shown = (await request(fake.endpoint, "GET", f"/pools/{pool_id}")).json
        return bool(shown["allocationState"] == "steady")

    await until(is_steady)
    found: dict[str, Any] = (await request(fake.endpoint, "GET", f"/pools/{pool_id}")).json
    return found


async def test_a_pool_gets_fewer_nodes_than_it_wants_until_there_are_more(fake: FakeBatchProcess) -> None:
    fake.faults.add("capacity", pool="scarce", nodes=1, code="AccountCoreQuotaReached")
    await _add_pool(fake, "scarce", targetDedicatedNodes=3)
    shown = await _steady(fake, "scarce")
    assert (shown["currentDedicatedNodes"], shown["targetDedicatedNodes"]) == (1, 3)
    assert [error["code"] for error in shown["resizeErrors"]] == ["AccountCoreQuotaReached"]
    fake.faults.clear()
    resize = {"targetDedicatedNodes": 3}
    assert (await request(fake.endpoint, "POST", "/pools/scarce/resize", resize)).status == 202
    shown = await _steady(fake, "scarce")
    assert shown["currentDedicatedNodes"] == 3
    assert "resizeErrors" not in shown


async def test_spot_nodes_are_preempted_and_come_back(fake: FakeBatchProcess) -> None:
    await _add_pool(fake, "spot", targetLowPriorityNodes=2)
    await _steady(fake, "spot")

    async def states() -> list[str]:
        return [
            node["state"] for node in (await request(fake.endpoint, "GET", "/pools/spot/nodes")).json["value"]
        ]

    async def one_is_gone() -> bool:
        return sorted(await states()) == ["idle", "preempted"]

    async def all_are_back() -> bool:
        return await states() == ["idle", "idle"]

    taken = fake.faults.preempt("spot")
    await until(one_is_gone)
    assert fake.faults.restore("spot") == taken
    await until(all_are_back)
    with pytest.raises(FaultRefusedError, match="PoolNotFound"):
        fake.faults.preempt("none")


async def test_a_pool_gets_no_more_cores_than_the_account_has(tmp_path: Path) -> None:
    quotas = Quotas(dedicated_cores=5, low_priority_cores=4)
    async with serving(Options(root=tmp_path, quotas=quotas)) as endpoint:
        for pool_id, dedicated, spot in (("a", 1, 0), ("b", 3, 3)):
            targets = {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}
            body = {"id": pool_id, "vmSize": "Standard_D2s_v3", **targets}
            assert (await request(endpoint, "POST", "/pools", body)).status == 201
        shown = (await request(endpoint, "GET", "/pools/b")).json
    assert (shown["currentDedicatedNodes"], shown["currentLowPriorityNodes"]) == (1, 2)
    assert [(error["code"], error["message"]) for error in shown["resizeErrors"]] == [
        ("AccountCoreQuotaReached", "The specified account has reached core quota"),
        ("AccountLowPriorityCoreQuotaReached", "The specified account has reached low priority core quota"),
    ]


async def test_no_number_of_nodes_is_too_large_to_be_answered(tmp_path: Path) -> None:
    async with serving(Options(root=tmp_path)) as endpoint:
        body = {"id": "p", "vmSize": "Standard_D4s_v3", "targetDedicatedNodes": 2**31 - 1}
        assert (await request(endpoint, "POST", "/pools", body)).status == 201
        shown = (await request(endpoint, "GET", "/pools/p")).json
    assert shown["currentDedicatedNodes"] == 2_500
    assert [error["code"] for error in shown["resizeErrors"]] == ["AccountCoreQuotaReached"]


async def test_quotas_are_full_for_as_long_as_asked(fake: FakeBatchProcess) -> None:
    fake.faults.add("quotas", activeJobs=0, pools=1, dedicatedCores=0)
    job = {"id": "job", "poolInfo": {"poolId": "hpc"}}
    assert (await request(fake.endpoint, "POST", "/jobs", job)).code == "ActiveJobAndScheduleQuotaReached"
    pool = {"id": "more", "vmSize": "Standard_D2s_v3", "targetDedicatedNodes": 1}
    assert (await request(fake.endpoint, "POST", "/pools", pool)).code == "PoolQuotaReached"
    fake.faults.clear()
    assert (await request(fake.endpoint, "POST", "/jobs", job)).status == 201
    fake.faults.add("quotas", dedicatedCores=0)
    await _add_pool(fake, "more", targetDedicatedNodes=1)
    shown = await _steady(fake, "more")
    assert [error["code"] for error in shown["resizeErrors"]] == ["AccountCoreQuotaReached"]


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("Standard_D2s_v3", 2),
        ("STANDARD_D3_V2", 4),
        ("standard_ds14_v2", 16),
        ("Standard_D16ads_v5", 16),
        ("Standard_E4-2s_v3", 2),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_HB120rs_v3", 120),
        ("Standard_A4", 8),
        ("Standard_A4_v2", 4),
        ("Standard_A1m_v2", 1),
        ("Standard_G5", 32),
        ("Standard_M128-32ms", 32),
        ("Standard_B1s", 1),
        ("small", 1),
    ],
)
def test_the_name_of_a_size_tells_its_cores(size: str, cores: int) -> None:
    assert cores_of(size) == cores


async def test_preempted_nodes_are_replaced_once_there_is_room(tmp_path: Path) -> None:
    # An hour passes in a second and a half.
    plan = parse_plan("speed=2400")
    pool: dict[str, object] = {"id": "spot", "vmSize": "small", "targetLowPriorityNodes": 2}
    listener = socket.create_server(("127.0.0.1", 0))
    faults = FaultClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with serving(Options(root=tmp_path, pools=(pool,), simulation=plan, control=listener)) as endpoint:

        async def states() -> list[str]:
            nodes = (await request(endpoint, "GET", "/pools/spot/nodes")).json["value"]
            return sorted(node["state"] for node in nodes)

        async def one_is_back() -> bool:
            return await states() == ["idle", "preempted"]

        async def all_are_back() -> bool:
            return await states() == ["idle", "idle"]

        await asyncio.to_thread(faults.add, "capacity", pool="spot", nodes=1)
        assert len(await asyncio.to_thread(faults.preempt, "spot", 2)) == 2
        await until(one_is_back)
        await asyncio.to_thread(faults.clear)
        await until(all_are_back)
