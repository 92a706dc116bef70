"""How tasks are sent to Azure Batch: 16 calls at a time, and as many made ahead."""

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import web

from batchmgr.bootstrap import open_ports
from batchmgr.errors import ServiceRefusedError
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from tests.one_service import one_service

FINALIZE = TaskPlan(id="finalize", command_line="/bin/true")
PLAN = JobPlan(job_id="job-1", job=JobSpecification(pool_id="p"), tasks=(), finalize_task=FINALIZE)
TASKS = 5000
AHEAD = (16 + 16) * 100 + 1 + 100
"""So many tasks are made while the first 16 calls wait: those on their way and ahead, a call for which there
is no place yet, and the task that begins the next one."""


async def test_the_next_calls_are_made_while_those_before_are_on_their_way() -> None:
    made, ends, calls = 0, list[int](), 0
    all_wait, all_made, answers = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def tasks() -> Iterator[TaskPlan]:
        nonlocal made
        for made in range(1, TASKS + 1):
            if made == AHEAD:
                all_made.set()
            yield TaskPlan(id=str(made), command_line="/bin/true")

    async def answer(request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        if calls == 16:
            all_wait.set()
        await answers.wait()
        return web.json_response({"value": []})

    async with one_service(answer) as settings, open_ports(settings) as ports:
        adding = asyncio.create_task(ports.batch.add_tasks(PLAN, tasks(), {}, ends.append))
        async with asyncio.timeout(20):
            await all_wait.wait()
            await all_made.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert (made, calls, ends) == (AHEAD, 16, [])
        answers.set()
        await adding
    assert (made, calls, ends) == (TASKS, 50, list(range(100, TASKS + 1, 100)))


async def test_a_call_that_is_refused_ends_all_others() -> None:
    ends = list[int]()
    refused, never = b'"id":"201"', asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        if refused in body:
            return web.json_response({"code": "InvalidRequestBody", "message": {"value": "no"}}, status=400)
        if b'"id":"1"' not in body:
            await never.wait()
        return web.json_response({"value": []})

    tasks = (TaskPlan(id=str(number), command_line="/bin/true") for number in range(1, TASKS + 1))
    async with one_service(answer) as settings, open_ports(settings) as ports:
        with pytest.raises(ServiceRefusedError, match="InvalidRequestBody"):
            async with asyncio.timeout(20):
                await ports.batch.add_tasks(PLAN, tasks, {}, ends.append)
        never.set()
    assert ends in ([], [100])
