"""Receivers that are attached or redriven are told, and reruns end, whoever is killed or works meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import statuses
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.usecases.accept import accept
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.redrive import redrive
from batchmgr.usecases.rerun import rerun
from batchmgr.usecases.submit import submit
from batchmgr.wire.rerun_request import RerunRequest
from tests.chaos.interception import intercepted
from tests.chaos.test_pairs import UseCase, attempt, interleaved
from tests.world import CALLBACK, World, job_message

OTHER = "https://allowed/callback?secret=2"
FIRST, AGAIN = job_message(), job_message(callback=OTHER)

USE_CASES: dict[str, UseCase] = {
    "attach": lambda ports: accept(ports, "job-1", AGAIN),
    "redrive": lambda ports: redrive(ports, "job-1"),
    "rerun": lambda ports: rerun(ports, "job-1", RerunRequest()),
    "submit": lambda ports: submit(ports, "job-1"),
    "poll": poll,
    "finalize": lambda ports: finalize(ports, "job-1"),
    "deliver": lambda ports: deliver(ports, "job-1"),
}


async def queued(world: World) -> None:
    """A job that is accepted, and whose message is lost."""
    await accept(world.ports, "job-1", FIRST)


async def over(world: World) -> None:
    """A job whose tasks have ended."""
    await queued(world)
    await submit(world.ports, "job-1")
    world.batch.run()


async def due(world: World) -> None:
    """A job that has ended, and whose callback is due."""
    await over(world)
    await finalize(world.ports, "job-1")
    world.deliveries.started.clear()


async def told(world: World) -> None:
    """A job that has ended, and whose receiver was told."""
    await due(world)
    await deliver(world.ports, "job-1")


async def given_up(world: World) -> None:
    """A job whose callback was given up."""
    world.callbacks.down = {CALLBACK}
    world.ports = replace(world.ports, callback_attempts=1)
    await due(world)
    await deliver(world.ports, "job-1")
    world.callbacks.down.clear()


BEGINNINGS = {"attach": [queued, over, due, told], "redrive": [given_up]}
ALONE = [(begin, name) for name, begins in BEGINNINGS.items() for begin in begins]
PAIRS = [
    *((begin, "attach", other) for begin in (queued, over, due, told) for other in ("poll", "attach")),
    (queued, "submit", "attach"),
    (over, "finalize", "attach"),
    (over, "attach", "finalize"),
    (due, "deliver", "attach"),
    (due, "poll", "attach"),
    (due, "attach", "deliver"),
    (told, "poll", "attach"),
    (given_up, "redrive", "redrive"),
    (given_up, "redrive", "poll"),
    (given_up, "poll", "redrive"),
    (given_up, "redrive", "deliver"),
    (given_up, "redrive", "attach"),
    (given_up, "attach", "redrive"),
]


async def part_failed(world: World) -> None:
    """A job that has ended, and one of whose tasks has failed."""
    world.batch.fails.add("2")
    await told(world)
    await world.run_until_idle()
    world.batch.fails.clear()
    world.callbacks.received.clear()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("comes_again", [True, False], ids=["sent-again", "sent-once"])
async def test_a_rerun_that_is_killed_at_any_call_is_one_job_that_ends(
    after: bool, comes_again: bool
) -> None:
    at = 1
    while True:
        world = World()
        await part_failed(world)
        made = await killed_at(world, USE_CASES["rerun"], at, after=after)
        if comes_again and made >= at:
            await USE_CASES["rerun"](world.ports)
        await world.run_until_idle()
        accepted = [key for key in world.jobs.records if key != "job-1"]
        assert accepted == ["job-1-rerun-1"] or not (accepted or comes_again or made < at)
        if accepted:
            assert world.record("job-1-rerun-1").state is JobState.SUCCEEDED
            assert set(world.batch.jobs["job-1-rerun-1"].tasks) == {"2", FINALIZE_TASK_ID}
            assert [webhook_id for _, _, webhook_id in world.callbacks.received] == ["msg_job-1-rerun-1"]
        if made < at:
            break
        at += 1
    assert at > 6


@pytest.mark.parametrize("second", ["rerun", "poll"])
async def test_a_rerun_and_another_use_case_give_one_job(second: str) -> None:
    at = 1
    while True:
        world = World()
        await part_failed(world)
        calls = await interleaved(world, USE_CASES["rerun"], USE_CASES[second], at, after=True)
        world.deliveries.started.clear()
        await world.run_until_idle()
        assert world.batch.created == ["job-1", "job-1-rerun-1"]
        assert world.record("job-1-rerun-1").state is JobState.SUCCEEDED
        assert len(world.callbacks.received) == 1
        ids = [event.id for event in world.log("job-1-rerun-1")]
        assert len(ids) == len(set(ids))
        if calls < at:
            break
        at += 1
    assert at > 6


class Died(BaseException):
    """Stands for a killed process."""


def check(world: World, *names: str, most: int = 1) -> None:
    """Every receiver was told: once, or `most` times if a process was killed."""
    uris = [uri for uri, _, _ in world.callbacks.received]
    expected = {CALLBACK} | ({OTHER} if "attach" in names else set())
    assert set(uris) == expected
    assert all(1 <= uris.count(uri) <= most for uri in expected)
    assert len({(uri, webhook_id) for uri, _, webhook_id in world.callbacks.received}) == len(expected)
    assert {status.state for status in statuses(world.record()).values()} == {CallbackState.DELIVERED}
    assert world.jobs.active == set()
    assert world.dead_letters.letters == {}
    ids = [event.id for event in world.log()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("begin", "name"), ALONE, ids=lambda part: getattr(part, "__name__", part))
@pytest.mark.parametrize("comes_again", [True, False], ids=["sent-again", "sent-once"])
async def test_a_process_that_is_killed_at_any_call(
    begin: Callable[[World], Awaitable[None]], name: str, after: bool, comes_again: bool
) -> None:
    """If the caller has no answer, and does not send it again, the receiver is told or nothing is changed."""
    at = 1
    while True:
        world = World()
        await begin(world)
        made = await killed_at(world, USE_CASES[name], at, after=after)
        if comes_again and made >= at:
            await attempt(USE_CASES[name], world.ports)
        await world.run_until_idle()
        is_done = comes_again or made < at or has_begun(world, name)
        if is_done:
            check(world, name, most=2)
        elif name == "attach":
            check(world)
        if made < at:
            break
        at += 1
    assert at > 3


def has_begun(world: World, name: str) -> bool:
    """Return whether the record shows that the use case was called."""
    if name == "attach":
        return bool(world.record().attached)
    return statuses(world.record())[""].state is not CallbackState.DEAD


async def killed_at(world: World, use_case: UseCase, at: int, *, after: bool) -> int:
    """Run a use case in a process that is killed at its call `at`. Return the number of its calls."""
    made = 0

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal made
        made += 1
        if made == at and not after:
            raise Died
        result = await call()
        if made == at:
            raise Died
        return result

    with suppress(Died):
        await use_case(intercepted(world.ports, around))
        await world.deliveries.finish()
    world.deliveries.started.clear()
    return made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("begin", "first", "second"), PAIRS, ids=lambda part: getattr(part, "__name__", part)
)
async def test_a_pair_of_use_cases(
    begin: Callable[[World], Awaitable[None]], first: str, second: str, after: bool
) -> None:
    at = 1
    while True:
        world = World()
        await begin(world)
        calls = await interleaved(world, USE_CASES[first], USE_CASES[second], at, after=after)
        if calls < at:
            break
        # The memory of the processes is lost: what they have not delivered is in the record, or in a message.
        world.deliveries.started.clear()
        await world.run_until_idle()
        check(world, first, second)
        at += 1
    assert at > 2
