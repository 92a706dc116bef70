"""A job from the queue has a record before it is checked, and no event before that."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_states import JobState
from batchmgr.usecases.accept import accept
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import encode
from tests.world import CALLBACK, World, job_message, task


async def test_a_process_that_dies_while_it_plans_leaves_a_record_and_the_poller_goes_on() -> None:
    world = World()

    class Stuck:
        async def run(self, workload: str, call: Callable[[], Any]) -> Any:
            raise asyncio.CancelledError

    ports = replace(world.ports, threads=Stuck())
    message = JobMessage(job_id="job-1", workload="none", call_back_uri=CALLBACK)
    with pytest.raises(asyncio.CancelledError):
        await take_request(ports, encode(message), "q-1")
    assert world.record().state is JobState.QUEUED
    assert world.events.logs == {}
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert [event.type for event in world.log()] == ["batchmgr.job.rejected"]
    assert len(world.callbacks.received) == 1


async def test_a_job_that_only_its_plan_shows_to_be_invalid_has_one_event() -> None:
    world = World()
    world.enqueue(job_message(task("a"), task("A")))
    await world.run_until_idle()
    assert [event.type for event in world.log()] == ["batchmgr.job.rejected"]
    assert world.record().error is not None
    assert world.record().error.field == "tasks[1].id"  # type: ignore[union-attr]


async def test_a_valid_job_has_the_same_events_as_over_http() -> None:
    world = World()
    world.enqueue(job_message())
    await world.run_until_idle()
    await accept(world.ports, "job-2", job_message(job_id="job-2"))
    await world.queue.enqueue_submission("job-2")
    await world.run_until_idle()
    types = [[event.type for event in world.log(name)] for name in ("job-1", "job-2")]
    assert types[0] == types[1]
    assert types[0][:3] == ["batchmgr.job.queued", "batchmgr.job.submitting", "batchmgr.job.running"]
