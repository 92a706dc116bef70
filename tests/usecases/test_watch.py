"""A job that can't end by itself: somebody is told why within a minute, and what can never pass ends it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.errors import InvalidJobError, ServiceRefusedError
from batchmgr.model.batch_snapshots import NodeSnapshot
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JOB_MANAGER_TASK_ID
from batchmgr.steps.check_job import check_job
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import MultiInstanceSettingsMessage, TaskMessage
from tests.usecases.stalled_jobs import (
    MINUTE,
    POLL_PAUSE,
    busy_elsewhere,
    ended,
    submitted,
    waiting,
    watched_for,
)
from tests.world import World, job_message, task


def change_pool(world: World, **changes: object) -> None:
    world.batch.pool = msgspec.structs.replace(world.batch.pool, **changes)


def without_nodes(world: World, **changes: object) -> None:
    world.batch.nodes = []
    change_pool(world, nodes=0, target_nodes=0, **changes)


def nodes_in(*states: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.batch.nodes = [NodeSnapshot(node_id=f"n{i}", state=s) for i, s in enumerate(states)]

    return change


def disable(world: World) -> None:
    world.batch.jobs["job-1"].state = "disabled"


def delete_pool(world: World) -> None:
    world.batch.pools.clear()


def begin_to_delete_pool(world: World) -> None:
    change_pool(world, state="deleting")
    busy_elsewhere(world)


def prepare_nothing(world: World) -> None:
    world.batch.unprepared = {"node-1": "exit code 7"}


PASSING: dict[str, Callable[[World], None]] = {
    "JobDisabled": disable,
    "PoolBeingDeleted": begin_to_delete_pool,
    "PoolHasNoNodes": without_nodes,
    "ResizeFailed": lambda world: without_nodes(world, resize_error="AccountCoreQuotaReached: no cores"),
    "AutoscaleFailed": lambda world: without_nodes(world, has_formula=True, formula_error="x is not known"),
    "StartTaskFailed": nodes_in("starttaskfailed", "starttaskfailed", "unusable"),
    "NodesUnusable": nodes_in("unusable", "offline"),
    "NodesPreempted": nodes_in("preempted"),
    "JobPreparationFailed": prepare_nothing,
}
"""Reasons that somebody can remove, and how each comes about."""


def message_of(code: str, **fields: object) -> JobMessage:
    message = job_message(task("a"), task("b"))
    if code == "JobPreparationFailed":
        body = msgspec.json.decode(msgspec.json.encode(message))
        body["jobPreparationTask"] = {"commandLine": "/bin/false"}
        message = msgspec.convert(body, JobMessage)
    return msgspec.structs.replace(message, **fields)


@pytest.mark.parametrize("code", PASSING)
async def test_it_is_told_within_a_minute_with_what_to_do_and_gone_when_it_has_passed(code: str) -> None:
    world = World()
    pool, nodes = world.batch.pool, world.batch.nodes
    await submitted(world, message_of(code))
    PASSING[code](world)
    begun = world.clock.now()
    await watched_for(world, MINUTE)
    told = world.record().waiting_for
    assert told is not None
    assert told.code == code
    assert told.reason.endswith(".") or told.reason[-1].isalnum()
    assert told.advice.endswith(".")
    assert begun < told.since <= begun + MINUTE
    await watched_for(world, timedelta(hours=2))
    assert world.record().state is JobState.RUNNING
    assert [event.data["code"] for event in waiting(world)] == [code]
    assert waiting(world)[0].data["reason"] == told.reason
    assert waiting(world)[0].data["advice"] == told.advice
    world.batch.pool, world.batch.nodes, world.batch.unprepared = pool, nodes, {}
    world.batch.jobs["job-1"].state = "active"
    world.batch.run = list  # type: ignore[method-assign]
    await watched_for(world, MINUTE)
    assert world.record().waiting_for is None
    del world.batch.run
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


@pytest.mark.parametrize("code", PASSING)
async def test_it_ends_the_job_after_the_stall_limit_of_the_message(code: str) -> None:
    world = World()
    await submitted(world, message_of(code, stall_limit=timedelta(minutes=30)))
    PASSING[code](world)
    await watched_for(world, timedelta(minutes=30))
    assert world.record().state is JobState.RUNNING
    record = await ended(world)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == code
    assert "0:30:00" in record.error.message
    assert world.batch.jobs["job-1"].state == "completed"


async def test_the_stall_limit_of_the_settings_holds_for_jobs_without_their_own() -> None:
    world = World()
    world.ports = replace(world.ports, stall_limit=timedelta(minutes=10))
    await submitted(world, message_of("", stall_limit=timedelta(hours=1)))
    disable(world)
    await watched_for(world, timedelta(minutes=20))
    assert world.record().state is JobState.RUNNING
    other = World()
    other.ports = replace(other.ports, stall_limit=timedelta(minutes=10))
    await submitted(other, message_of(""))
    disable(other)
    await watched_for(other, timedelta(minutes=12))
    assert (await ended(other)).state is JobState.FAILED


async def test_a_stall_limit_does_not_end_a_job_whose_tasks_run_or_wait_for_busy_nodes() -> None:
    world = World()
    await submitted(world, message_of("", stall_limit=timedelta(minutes=1)))
    busy_elsewhere(world)
    await watched_for(world, timedelta(hours=1))
    assert world.record().state is JobState.RUNNING
    assert waiting(world) == []
    world.batch.nodes = [NodeSnapshot(node_id="node-1", state="idle")]
    assert world.batch.start_next_task("job-1") is not None
    world.batch.run = list  # type: ignore[method-assign]
    disable(world)
    await watched_for(world, timedelta(hours=1))
    assert world.record().state is JobState.RUNNING
    assert [event.data["code"] for event in waiting(world)] == ["JobDisabled"]


async def test_the_same_reason_is_told_again_when_it_comes_again() -> None:
    world = World()
    await submitted(world, message_of(""))
    for _ in range(2):
        disable(world)
        await watched_for(world, 2 * MINUTE)
        busy_elsewhere(world)
        world.batch.jobs["job-1"].state = "active"
        await watched_for(world, 2 * MINUTE)
    assert [event.data["code"] for event in waiting(world)] == ["JobDisabled", "JobDisabled"]
    assert len({event.id for event in waiting(world)}) == 2


async def test_a_deleted_pool_ends_the_job_with_what_it_has_done() -> None:
    world = World()
    await submitted(world, job_message(task("a"), task("b")))
    world.batch.start_next_task("job-1")
    world.batch.pools.clear()
    world.batch.record_exit("job-1", "a", TaskExit.exited(0))
    record = await ended(world, timedelta(minutes=3))
    assert record.state is JobState.PARTIAL
    assert record.error is not None
    assert record.error.code == "PoolNotFound"
    assert "1 of 2 tasks succeeded" in record.error.message
    assert [event.data["code"] for event in waiting(world)] == ["PoolNotFound"]
    assert world.batch.jobs["job-1"].terminate_reason == "batchmgr: PoolNotFound"


async def test_a_pool_that_is_missing_for_a_moment_ends_nothing() -> None:
    world = World()
    await submitted(world, job_message())
    delete_pool(world)
    while world.record().waiting_for is None:
        await watched_for(world, POLL_PAUSE)
    world.batch.pools.add("local")
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_a_pool_that_does_not_answer_ends_nothing_and_is_not_asked_at_each_poll() -> None:
    world = World()
    await submitted(world, job_message(task("a")))
    busy_elsewhere(world)
    asked: list[datetime] = []

    async def refuses(pool_id: str) -> None:
        asked.append(world.clock.now())
        raise ServiceRefusedError("no access", code="AuthorizationPermissionMismatch", status=403)

    world.batch.require_pool = refuses  # type: ignore[method-assign]
    await watched_for(world, timedelta(minutes=10))
    assert world.record().state is JobState.RUNNING
    assert 9 <= len(asked) <= 10


@pytest.mark.parametrize(
    "large",
    [
        TaskMessage(id="big", command_line="/bin/true", required_slots=5),
        TaskMessage(
            id="big",
            command_line="/bin/true",
            multi_instance_settings=MultiInstanceSettingsMessage(
                number_of_instances=2, coordination_command_line="x"
            ),
        ),
    ],
    ids=["slots", "instances"],
)
async def test_a_task_too_large_for_the_pool_is_told_although_others_run(large: TaskMessage) -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    await submitted(world, job_message(task("a"), large))
    world.batch.start_next_task("job-1")
    await watched_for(world, MINUTE)
    told = world.record().waiting_for
    assert told is not None
    assert told.code == "TaskTooLarge"
    assert "big" in told.reason
    assert world.record().state is JobState.RUNNING


async def test_what_stalls_a_job_manager_task_is_told_too_and_its_deletion_ends_the_job() -> None:
    world = World()
    world.batch.nodes = []
    change_pool(world, nodes=0, target_nodes=0)
    await submitted(world, world.plan_on_node(task("a")))
    await watched_for(world, MINUTE)
    assert world.record().waiting_for is not None
    assert [event.data["code"] for event in waiting(world)] == ["JobManagerTask", "PoolHasNoNodes"]
    await world.batch.delete_task("job-1", JOB_MANAGER_TASK_ID)
    busy_elsewhere(world)
    record = await ended(world)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "TaskDeleted"


async def test_a_job_whose_plan_is_lost_is_told_of_when_tasks_may_be_blocked() -> None:
    world = World()
    await submitted(world, job_message(task("a", "/bin/false"), task("b", "/bin/true", "a")))
    world.jobs.requests["job-1"] = JobMessage(job_id="job-1", workload="gone")
    await watched_for(world, 2 * MINUTE)
    told = world.record().waiting_for
    assert told is not None
    assert told.code == "PlanMissing"


async def test_a_healthy_job_costs_one_call_a_poll_and_few_looks_in_hours() -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    calls: list[str] = []
    await submitted(world, job_message(task("a"), task("b")))
    world.batch.start_next_task("job-1")
    for name in ("task_counts", "get_job", "get_pool"):
        count_calls(world, name, calls)
    await watched_for(world, timedelta(hours=4))
    assert 4 * 60 - 1 <= calls.count("task_counts") <= 4 * 60 + 40  # once a minute, and more often at first
    assert calls.count("get_job") == calls.count("get_pool") <= 30


async def test_a_job_that_moves_is_not_looked_at() -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    calls: list[str] = []
    await submitted(world, job_message(*(task(str(number)) for number in range(100))))
    count_calls(world, "get_pool", calls)
    for _ in range(50):
        started = world.batch.start_next_task("job-1")
        await watched_for(world, POLL_PAUSE)
        assert started is not None
        world.batch.record_exit("job-1", started.id, TaskExit.exited(0))
    assert calls == ["get_pool"]  # once, to know on what nodes tasks ran


def count_calls(world: World, name: str, calls: list[str]) -> None:
    real = getattr(world.batch, name)

    async def counted(*args: object) -> object:
        calls.append(name)
        return await real(*args)

    setattr(world.batch, name, counted)


async def test_the_end_of_a_job_that_was_given_up_is_made_good_after_a_kill() -> None:
    world = World()
    world.may_fail = True
    await submitted(world, job_message())
    delete_pool(world)

    async def dies(job_id: str, reason: str) -> None:
        raise ServiceRefusedError("killed", code="Killed")

    world.batch.terminate_job = dies  # type: ignore[method-assign]
    while world.record().given_up is None:
        await watched_for(world, POLL_PAUSE)
    del world.batch.terminate_job
    record = await ended(world)
    assert record.state is JobState.FAILED
    assert world.batch.jobs["job-1"].state == "completed"


async def test_a_stall_limit_must_be_longer_than_nothing() -> None:
    with pytest.raises(InvalidJobError) as caught:
        await check_job(World().ports, "job-1", message_of("", stall_limit=timedelta(0)))
    assert caught.value.field == "stallLimit"
