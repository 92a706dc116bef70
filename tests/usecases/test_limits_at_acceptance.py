"""What can be known about a job is checked when it is accepted, before anything is built."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.factories import factory_tasks
from batchmgr.model.job_states import JobState
from batchmgr.steps.check_job import check_job
from batchmgr.wire.job_message import JobMessage, decode_job
from tests.counted_calls import counted_calls
from tests.number_of_examples import examples
from tests.world import World, job_message, task

LARGE = "x" * 1_000_000
RANGE = {"start": 1, "end": 100_000}
FEW_CALLS = 300_000
"""The check of 50,000 parameters calls 150,000 functions. Sixty parameters have six million values."""


def sweep(parameters: dict[str, Any], combine: str = "product", **template: Any) -> JobMessage:
    factory = {
        "type": "parametricSweep",
        "combine": combine,
        "parameters": parameters,
        "repeatTask": {"commandLine": "x {0}", **template},
    }
    return decode_job(json.dumps({"jobId": "job-1", "taskFactory": factory}).encode())


@pytest.mark.parametrize(
    "body",
    [
        {"tasks": [{"id": "1", "commandLine": "x"}, {"id": "2", "commandLine": LARGE}]},
        {
            "tasks": [
                {"id": "1", "commandLine": "x"},
                {"id": "2", "commandLine": "x", "environment": {f"V{n}": LARGE[:100_000] for n in range(10)}},
            ]
        },
        {
            "tasks": [
                {"id": "1", "commandLine": "x"},
                {"id": "2", "commandLine": "x"}
                | {"inputFiles": [{"sourceBlobPath": "b", "targetFilePath": f"f{n}"} for n in range(8000)]},
            ]
        },
    ],
    ids=["command line", "environment", "URLs of files"],
)
async def test_a_task_above_a_megabyte_is_refused_with_its_field(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidJobError, match="larger than the 1 MB") as caught:
        await check_job(World().ports, "job-1", decode_job(json.dumps(body).encode()))
    assert caught.value.field == "tasks[1]"


async def test_a_large_task_of_a_factory_is_refused_with_the_field_of_its_template() -> None:
    message = sweep({"x": {"values": [1, 2]}}, environment={f"V{n}": LARGE[:100_000] for n in range(10)})
    with pytest.raises(InvalidJobError, match="larger than the 1 MB") as caught:
        await check_job(World().ports, "job-1", message)
    assert caught.value.field == "taskFactory.repeatTask"


async def test_a_command_line_template_that_takes_long_to_parse_is_refused_at_once() -> None:
    message = sweep({"x": {"values": [1, 2]}}, commandLine="{x} " + LARGE)
    with counted_calls() as calls, pytest.raises(InvalidJobError, match="1,000,004 characters") as caught:
        await check_job(World().ports, "job-1", message)
    assert caught.value.field == "taskFactory.repeatTask.commandLine"
    assert calls.number < FEW_CALLS


async def test_a_large_task_on_the_queue_rejects_its_job() -> None:
    world = World()
    world.enqueue(job_message(task("1", LARGE)))
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert len(world.callbacks.received) == 1


async def test_a_large_task_that_a_node_has_planned_rejects_its_job() -> None:
    world = World()
    world.enqueue(world.plan_on_node(task("1", LARGE)))
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.REJECTED
    assert "larger than the 1 MB" in str(record.error)
    assert all(job.state == "completed" for job in world.batch.jobs.values())


@pytest.mark.parametrize("limit", ["P10675199D", "P9999D", "P365D", "PT1S"])
async def test_a_job_with_any_time_limit_that_is_accepted_runs(limit: str) -> None:
    world = World()
    world.enqueue(
        json.dumps(
            {"jobId": "job-1", "maxWallClockTime": limit, "tasks": [{"id": "1", "commandLine": "/bin/true"}]}
        ).encode()
    )
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize("place", ["job", "task", "retention"])
@given(days=st.integers(0, 10**12), rest=st.sampled_from(["", "T1H", "T86399.999999S", "T99999999999S"]))
@examples(30)
async def test_any_duration_is_accepted_and_runs_or_is_refused(place: str, days: int, rest: str) -> None:
    one: dict[str, Any] = {"id": "1", "commandLine": "/bin/true"}
    body: dict[str, Any] = {"jobId": "job-1", "tasks": [one]}
    where, name = (body, "maxWallClockTime") if place == "job" else (one, "maxWallClockTime")
    where["retentionTime" if place == "retention" else name] = f"P{days}D{rest}"
    world = World()
    world.enqueue(json.dumps(body).encode())
    await world.run_until_idle()
    assert world.record().state in {JobState.SUCCEEDED, JobState.REJECTED}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: sweep({f"p{n}": RANGE for n in range(60)}), "more than a trillion tasks"),
        (lambda: sweep({f"p{n}": RANGE for n in range(60)}, "zip"), "would have 6,000,000 values"),
        (lambda: sweep({f"p{n}": {"start": 1, "end": 2} for n in range(5000)}), "more than a trillion tasks"),
        (lambda: sweep({f"p{n}": {"values": [1]} for n in range(50_000)} | {"x": RANGE}), "values"),
        (lambda: sweep({"a": {"start": 1, "end": 1e14}}), "more than a trillion tasks; a job can"),
    ],
    ids=["product", "zip", "many small ones", "many parameters", "one range"],
)
async def test_a_sweep_is_counted_before_it_is_built(made: Callable[[], JobMessage], reason: str) -> None:
    message = made()
    with counted_calls() as calls, pytest.raises(InvalidJobError, match=reason):
        await check_job(World().ports, "job-1", message)
    assert calls.number < FEW_CALLS


async def test_the_tasks_of_a_factory_have_a_size_that_they_may_not_exceed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(factory_tasks, "MAX_BYTES", 1_000_000)
    message = sweep({"x": {"start": 1, "end": 1000}}, commandLine="x {x} " + "y" * 1000)
    with pytest.raises(InvalidJobError, match="may take more than 1,000,000 bytes") as caught:
        await check_job(World().ports, "job-1", message)
    assert caught.value.field == "taskFactory.repeatTask"


def test_the_event_loop_goes_on_while_a_large_job_is_checked() -> None:
    async def count_turns() -> int:
        # Values that aren't plain: each of their tasks is checked.
        message = sweep({"x": {"values": [f"a {n}" for n in range(20_000)]}}, displayName="{x}")
        checking = asyncio.create_task(check_job(World().ports, "job-1", message))
        turns = 0
        while not checking.done():
            await asyncio.sleep(0.005)
            turns += 1
        await checking
        return turns

    # A loop with real time and real threads.
    assert asyncio.run(count_turns()) > 10


async def test_a_long_circle_of_tasks_is_found_at_once() -> None:
    number = 5_000
    tasks = [
        {"id": f"t{n}", "commandLine": "x", "dependsOn": [f"t{(n + 1) % number}"]} for n in range(number)
    ]
    message = decode_job(json.dumps({"tasks": tasks}).encode())
    with counted_calls() as calls, pytest.raises(InvalidJobError, match="wait for each other"):
        await check_job(World().ports, "job-1", message)
    assert calls.number < 200 * number  # 81 a task when this was written
