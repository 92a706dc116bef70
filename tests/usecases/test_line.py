"""Jobs that wait for the quota of active jobs stand in one line, and are let in as places become free."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from msgspec.structs import replace as changed

from batchmgr.errors import ServiceBusyError
from batchmgr.model.job_states import JobState
from batchmgr.model.waiting_for import QUOTA_REACHED
from batchmgr.ports import Ports
from batchmgr.steps.check_job import check_job
from batchmgr.steps.line import LOOK_AFTER, place_in_line
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.let_in import MOST_AT_ONCE, let_in
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_answers import job as job_answer
from tests.chaos.interception import intercepted
from tests.world import World, job_message, task

SECOND = timedelta(seconds=1)


async def send(world: World, *job_ids: str, priority: int = 0, **metadata: str) -> None:
    """Accept and submit jobs, one a second."""
    for job_id in job_ids:
        message = changed(job_message(job_id=job_id, callback=""), priority=priority, metadata=metadata)
        await accept(world.ports, job_id, message)
        await submit(world.ports, job_id)
        await world.clock.sleep(SECOND)


async def full_world(*job_ids: str, quota: int = 1) -> World:
    """A world whose account takes `quota` jobs, and all of these jobs sent."""
    world = World()
    world.batch.quota = quota
    await send(world, *job_ids)
    return world


def run(world: World, job_id: str) -> None:
    """End the tasks of one job, one after the other."""
    while (started := world.batch.start_next_task(job_id)) is not None:
        world.batch.end_task(job_id, started.id)


async def end(world: World, job_id: str) -> None:
    """End the tasks of one job, and finalize it."""
    run(world, job_id)
    await finalize(world.ports, job_id)
    assert world.record(job_id).state.is_final


def line(world: World) -> list[str]:
    return [ticket.key for ticket in sorted(world.line.tickets)]


def counting(world: World) -> tuple[Ports, Counter[str]]:
    """Return ports, and how often each of their methods was called."""
    calls: Counter[str] = Counter()

    async def count(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        calls[name] += 1
        return await call()

    return intercepted(world.ports, count), calls


async def test_a_job_that_is_let_in_is_saved_once_for_what_was_learned_of_it() -> None:
    world = await full_world("a", "b")
    run(world, "a")
    ports, calls = counting(world)
    await let_in(ports)
    assert world.record("b").state is JobState.RUNNING
    assert (calls["line.leave"], line(world)) == (1, [])
    assert calls["jobs.save"] == 4  # claimed, created in Azure Batch, running, and its event published


async def test_a_job_that_ends_lets_the_next_one_in_before_its_finalization_is_over() -> None:
    world = await full_world("a", "b", "c")
    assert (world.batch.created, line(world)) == (["a"], ["b", "c"])
    await end(world, "a")
    assert (world.batch.created, line(world)) == (["a", "b"], ["c"])
    assert world.record("b").state is JobState.RUNNING
    assert world.queue.messages == []


async def test_a_job_that_finds_others_in_the_line_joins_it_without_a_try() -> None:
    world = await full_world("a", "b", "c", "d")
    assert world.batch.refused == ["b"]
    assert line(world) == ["b", "c", "d"]


async def test_a_job_of_a_higher_priority_goes_before_those_that_wait_already() -> None:
    world = await full_world("a", "b", "c")
    await send(world, "urgent", priority=10)
    await send(world, "late", priority=-10)
    assert line(world) == ["urgent", "b", "c", "late"]
    for job_id in ("a", "urgent", "b", "c", "late"):
        await end(world, job_id)
    assert world.batch.created == ["a", "urgent", "b", "c", "late"]


async def test_all_places_that_have_become_free_unseen_are_filled_by_the_next_poll() -> None:
    world = await full_world(*(f"job-{number:02}" for number in range(30)))
    world.batch.quota = 25
    await poll(world.ports)
    assert world.batch.created == [f"job-{number:02}" for number in range(25)]
    assert len(line(world)) == 5


async def test_a_poll_of_a_full_account_makes_one_try_whatever_the_length_of_the_line() -> None:
    world = await full_world(*(f"job-{number:03}" for number in range(300)), quota=5)
    assert len(line(world)) == 295
    ports, calls = counting(world)
    for _ in range(10):
        await let_in(ports)
    assert calls["batch.create_job"] == 10
    assert calls["jobs.save"] == 2 * 10  # to claim the first, and to release it
    assert calls["events.append"] == 0
    assert sum(calls.values()) <= 10 * 12


async def test_the_end_of_a_job_wakes_one_job_of_three_hundred() -> None:
    world = await full_world(*(f"job-{number:03}" for number in range(300)), quota=5)
    ports, calls = counting(world)
    world.ports = ports
    for number in range(20):
        await end(world, f"job-{number:03}")
    assert calls["batch.create_job"] == 20
    assert world.batch.created == [f"job-{number:03}" for number in range(25)]
    assert world.batch.refused == ["job-005"]
    assert calls["line.first"] == 20
    assert calls["queue.enqueue_submission"] == 0


async def test_a_submission_that_need_not_wait_costs_one_call_more() -> None:
    world = World()
    world.ports, calls = counting(world)
    await send(world, "a")
    assert (calls["line.first"], calls["line.join"], calls["line.leave"]) == (1, 0, 0)


async def test_a_job_says_once_why_it_waits_and_at_which_place() -> None:
    world = await full_world("a", "b", "c")
    for _ in range(10):
        await poll(world.ports)
        await world.clock.sleep(SECOND)
    for job_id, place in (("a", 0), ("b", 1), ("c", 2)):
        record = world.record(job_id)
        assert await place_in_line(world.ports, record) == place
        waiting = [event for event in world.log(job_id) if event.type == "batchmgr.job.waiting"]
        assert [event.data["code"] for event in waiting] == [QUOTA_REACHED] * bool(place)
        assert getattr(job_answer(record, "", place).waiting_for, "place", 0) == place
    for job_id, reason in (("c", "other jobs wait"), ("b", "the account is full")):
        why = job_answer(world.record(job_id), "").waiting_for
        assert why is not None
        assert reason in why.reason


async def test_a_cancelled_job_leaves_the_line() -> None:
    world = await full_world("a", "b", "c")
    await cancel(world.ports, "b")
    await finalize(world.ports, "b")
    assert world.record("b").state is JobState.CANCELLED
    assert line(world) == ["c"]


async def test_what_is_left_over_in_the_line_is_removed_and_holds_nobody_up() -> None:
    world = await full_world("a", "b", "c")
    await cancel(world.ports, "b")  # the process dies before the finalization
    gone = next(iter(world.line.tickets))
    await world.ports.line.join(replace(gone, since="2000", key="gone"))
    await end(world, "a")
    assert (world.batch.created, line(world)) == (["a", "c"], [])


async def test_a_job_that_cannot_be_submitted_now_is_passed_over() -> None:
    world = await full_world("a", "b", "c")
    busy = ServiceBusyError("slow down", status=429, retry_after=timedelta(minutes=2))
    works = world.ports.batch.create_job

    async def refuse_b(plan: Any, *args: Any) -> None:
        if plan.job_id == "b":
            raise busy
        await works(plan, *args)

    world.batch.create_job = refuse_b  # type: ignore[method-assign, assignment]
    await end(world, "a")
    assert world.batch.created == ["a"]  # Azure Batch is busy: nobody is let in now
    await poll(world.ports)
    assert world.batch.created == ["a", "c"]
    del world.batch.create_job
    await end(world, "c")
    world.queue.messages.clear()  # the message of its retry is lost
    for _ in range(200):
        await world.tick()
    assert world.batch.created == ["a", "c", "b"]
    assert line(world) == []


async def test_a_job_that_is_rejected_lets_the_next_one_try() -> None:
    world = await full_world("a", "b", "c")
    run(world, "a")
    world.batch.pools.clear()
    await finalize(world.ports, "a")
    assert [world.record(job_id).state for job_id in "bc"] == [JobState.REJECTED] * 2
    assert line(world) == []


async def test_a_job_whose_ticket_was_lost_joins_the_line_again() -> None:
    world = await full_world("a", "b", "c")
    before = sorted(world.line.tickets)
    world.line.tickets.discard(before[1])
    await world.clock.sleep(LOOK_AFTER)
    for _ in range(60):
        await world.tick()
    assert world.batch.created == ["a", "b", "c"]


async def test_a_full_account_that_has_the_job_already_lets_it_go_on() -> None:
    """The process was killed after it had created the Batch job; then the quota may be refused first."""
    world = await full_world("a", "b")
    await end(world, "a")
    created = world.batch.jobs["b"]
    world = await full_world("a", "b")
    world.batch.jobs["b"] = created

    async def full(*args: Any) -> None:
        raise ServiceBusyError("full", code=QUOTA_REACHED, status=409)

    world.batch.create_job = full  # type: ignore[method-assign, assignment]
    await let_in(world.ports)
    assert world.record("b").in_batch
    assert line(world) == []


async def test_callers_take_turns_if_there_is_a_fair_share() -> None:
    world = World()
    world.batch.quota = 1
    world.ports = replace(world.ports, fair_share="team")
    await send(world, "first", *(f"many-{number}" for number in range(4)), team="many")
    await send(world, "few-0", "few-1", team="few")
    await send(world, "nobodys")
    await send(world, "urgent", priority=1, team="many")
    order = ["first", "urgent", "many-0", "few-0", "nobodys", "many-1", "few-1", "many-2", "many-3"]
    for job_id in order:
        await end(world, job_id)
    assert world.batch.created == order


async def test_many_places_are_filled_by_few_processes_at_once_and_a_full_account_refuses_few() -> None:
    world = await full_world(*(f"job-{number:02}" for number in range(60)), quota=2)
    world.batch.refused.clear()
    world.batch.quota = 40
    await let_in(world.ports)
    assert len(world.batch.created) == 40
    assert len(world.batch.refused) <= MOST_AT_ONCE


async def test_a_place_in_the_line_is_that_of_the_plan_and_not_only_of_the_message() -> None:
    world = await full_world("a", "b")
    message = job_message(task("1"), job_id="c", callback="")
    plan = await check_job(world.ports, "c", message)
    plan.job.priority = 5
    await accept(world.ports, "c", message, plan)
    await submit(world.ports, "c")
    assert line(world) == ["c", "b"]
    assert {ticket.rank for ticket in world.line.tickets} == {995, 1000}
