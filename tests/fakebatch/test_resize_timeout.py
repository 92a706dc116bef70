"""Resizes that exceed their timeout."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fakebatch.bodies.job_bodies import accept_job
from fakebatch.bodies.pool_bodies import accept_pool, pool_view
from fakebatch.bodies.task_bodies import accept_task
from fakebatch.engine import Engine
from fakebatch.execution.executor_port import task_key
from fakebatch.model import pool_entity as pools
from fakebatch.model.run_result import exited
from fakebatch.store import Store
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock
from tests.fakebatch.driving import until
from tests.fakebatch.manual_executor import ManualExecutor
from tests.fakebatch.raw_http import request

_TIMED_OUT = {
    "code": "AllocationTimedout",
    "message": "Desired number of dedicated nodes could not be allocated as the resize timeout was reached",
}


@pytest.fixture
async def busy() -> AsyncIterator[tuple[Engine, ManualExecutor, StoredPool]]:
    """A pool of two nodes. One of them runs a task."""
    executor = ManualExecutor()
    engine = Engine(Store(), executor)
    engine.add_pool(accept_pool({"id": "p", "vmSize": "s", "targetDedicatedNodes": 2}))
    job = engine.add_job(accept_job({"id": "j", "poolInfo": {"poolId": "p"}}))
    engine.add_task(job, accept_task({"id": "t", "commandLine": "true"}, job.job.spec))

    async def runs() -> bool:
        return bool(executor.pending)

    await until(runs)
    yield engine, executor, engine.store.pools["p"]
    await engine.stop()


def _shrink(record: StoredPool, **changes: Any) -> None:
    targets = {"targetDedicatedNodes": 0, **changes}
    record.pool = pools.resized(record.pool, targets, service_clock.now(), "taskcompletion")


def _view(record: StoredPool) -> dict[str, Any]:
    return pool_view(record.pool, record.nodes, "http://none")


async def test_a_resize_that_waits_for_a_task_ends_after_its_timeout(
    busy: tuple[Engine, ManualExecutor, StoredPool],
) -> None:
    engine, executor, record = busy
    _shrink(record, resizeTimeout="PT0.05S")
    engine.wake()

    async def is_steady() -> bool:
        return record.pool.allocation_state == "steady"

    await until(is_steady)
    view = _view(record)
    assert view["resizeErrors"] == [_TIMED_OUT]
    assert (view["currentDedicatedNodes"], view["targetDedicatedNodes"]) == (1, 0)
    [node] = record.nodes
    assert node.state == "running"
    executor.finish(task_key("j", "t"), exited(0))

    async def is_idle() -> bool:
        return record.nodes[node.id].state == "idle"

    await until(is_idle)
    # The next resize starts without the errors of the last one.
    _shrink(record)
    engine.wake()

    async def is_empty() -> bool:
        return not len(record.nodes) and record.pool.allocation_state == "steady"

    await until(is_empty)
    assert "resizeErrors" not in _view(record)


async def test_a_resize_in_time_has_no_errors(busy: tuple[Engine, ManualExecutor, StoredPool]) -> None:
    engine, executor, record = busy
    _shrink(record, resizeTimeout="PT5M")
    engine.wake()
    await asyncio.sleep(0)
    assert record.pool.allocation_state == "resizing"
    executor.finish(task_key("j", "t"), exited(0))

    async def is_steady() -> bool:
        return record.pool.allocation_state == "steady"

    await until(is_steady)
    assert (len(record.nodes), record.pool.resize_errors) == (0, ())


async def test_the_timeout_of_the_last_resize_is_shown(endpoint: str) -> None:
    async def shown() -> str:
        return str((await request(endpoint, "GET", "/pools/hpc")).json["resizeTimeout"])

    async def resize(**changes: Any) -> int:
        body = {"targetDedicatedNodes": 2, **changes}
        return (await request(endpoint, "POST", "/pools/hpc/resize", body)).status

    assert await shown() == "PT15M"

    async def accepted() -> bool:
        return await resize(resizeTimeout="PT1H") == 202

    await until(accepted)
    assert await shown() == "PT1H"

    async def accepted_again() -> bool:
        return await resize() == 202

    await until(accepted_again)
    assert await shown() == "PT15M"
    assert await resize(resizeTimeout="PT4M") == 400
