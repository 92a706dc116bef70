"""The caller's `traceparent` is passed on as it is if nothing is exported, and no job fails because of it."""

from typing import Any

import msgspec
import pytest

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.batch_bodies.job_body import job_body
from batchmgr.model.traceparent import valid_traceparent
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.job_message import JobMessage
from tests.world import World, job_message

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def traced(traceparent: str = CALLER, **fields: object) -> JobMessage:
    return msgspec.structs.replace(job_message(), traceparent=traceparent, **fields)


def variables(message: JobMessage) -> dict[str, str]:
    plan = plan_job("job-1", message, workloads=WorkloadRegistry({}), default_pool_id="p")
    settings: Any = job_body(plan, {}, "d").get("commonEnvironmentSettings", [])
    return {setting["name"]: setting["value"] for setting in settings}


async def test_events_and_callback_carry_what_the_caller_has_sent() -> None:
    world = World()
    world.enqueue(traced())
    await world.run_until_idle()
    assert {event.traceparent for event in world.log()} == {CALLER}
    assert world.callbacks.traceparents == [CALLER]


async def test_a_job_without_a_trace_has_no_word_of_one() -> None:
    world = World()
    world.enqueue(job_message())
    await world.run_until_idle()
    assert b"traceparent" not in msgspec.json.encode(world.log())
    assert world.callbacks.traceparents == [""]


async def test_a_wrong_traceparent_is_ignored() -> None:
    world = World()
    world.enqueue(traced("what is this"))
    await world.run_until_idle()
    assert world.record().state == "succeeded"
    assert world.record().traceparent == ""


def test_tasks_find_the_trace_in_their_environment() -> None:
    assert variables(traced()) == {"TRACEPARENT": CALLER}
    assert variables(traced("nonsense")) == {}


def test_a_variable_of_the_job_itself_takes_precedence() -> None:
    assert variables(traced(environment={"TRACEPARENT": "mine"})) == {"TRACEPARENT": "mine"}


def test_the_trace_is_no_part_of_what_makes_two_messages_the_same() -> None:
    assert traced().digest == traced("").digest == job_message().digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CALLER, CALLER),
        (f" {CALLER} ", CALLER),
        (CALLER.replace("00-4", "cc-4") + "-what-the-future-brings", CALLER),
        (CALLER.replace("00-4", "ff-4"), ""),
        (CALLER + "-more", ""),
        (CALLER.upper(), ""),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", ""),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", ""),
        ("", ""),
    ],
)
def test_a_traceparent_is_read_as_the_w3c_has_it(text: str, expected: str) -> None:
    assert valid_traceparent(text) == expected
