"""Two use cases on one job, the second run at every point of the first: the job ends once, with the truth."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.errors import BatchmgrError, InvalidJobError
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.tell_webhooks import Reader, tell_webhook
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.purge import purge
from batchmgr.usecases.redrive import redrive
from batchmgr.usecases.refuse import refuse
from batchmgr.usecases.submit import submit
from tests.chaos.interception import intercepted
from tests.chaos.test_concurrent_processes import assert_published_once
from tests.webhooks import CHOSEN, assert_settled, with_webhooks
from tests.world import World, job_message, task

pytestmark = pytest.mark.usefixtures("job_size")

UseCase = Callable[[Ports], Awaitable[Any]]
TOLD = with_webhooks(job_message(task("a"), task("b", "/bin/true", "a")))
MESSAGE = job_message(task("a"), task("b", "/bin/true", "a"))
BAD = b'{"jobId": "job-1", "callBackUri": "https://allowed/callback?secret=1", "tasks": 5}'
REASON = InvalidJobError("expected array", field="tasks")

USE_CASES: dict[str, UseCase] = {
    "accept": lambda ports: accept(ports, "job-1", MESSAGE),
    "submit": lambda ports: submit(ports, "job-1"),
    "poll": poll,
    "cancel": lambda ports: cancel(ports, "job-1"),
    "finalize": lambda ports: finalize(ports, "job-1"),
    "deliver": lambda ports: deliver(ports, "job-1"),
    "tell": lambda ports: tell(ports),
    "redrive": lambda ports: redrive(ports, "job-1"),
    "purge": lambda ports: purge(ports, "job-1"),
    "refuse": lambda ports: refuse(ports, BAD, REASON, "job-1"),
}


async def nothing(world: World) -> None:
    """No job yet."""


async def queued(world: World) -> None:
    """A job that is accepted, and whose message is lost."""
    await accept(world.ports, "job-1", MESSAGE)


async def running(world: World) -> None:
    """A job whose tasks run."""
    await queued(world)
    await submit(world.ports, "job-1")


async def over(world: World) -> None:
    """A job whose tasks have ended."""
    await running(world)
    world.batch.run()


async def pending(world: World) -> None:
    """A job that has ended, and whose first callback failed."""
    world.callbacks.failures = 1
    await over(world)
    await finalize(world.ports, "job-1")
    world.clock.advance(timedelta(seconds=10))


async def untold(world: World) -> None:
    """A job that has ended, and of whose webhooks one has failed and one was given up."""
    world.ports = replace(world.ports, callback_attempts=2)
    world.callbacks.event_failures = 1
    await accept(world.ports, "job-1", TOLD)
    world.callbacks.down = {CHOSEN.uri}
    for _ in range(2):
        await world.deliveries.finish()
        world.clock.advance(timedelta(seconds=10))
        await poll(world.ports)
    await submit(world.ports, "job-1")
    world.batch.run()
    await finalize(world.ports, "job-1")
    world.callbacks.down.clear()
    world.deliveries.started.clear()


async def tell(ports: Ports) -> None:
    """Send the next batch of each webhook."""
    record = (await ports.jobs.load("job-1")).value
    for number in range(len(record.webhooks)):
        await tell_webhook(ports, Reader.of(record, number))


PAIRS = [
    (untold, "tell", "tell"),
    (untold, "tell", "poll"),
    (untold, "tell", "redrive"),
    (untold, "tell", "purge"),
    (untold, "tell", "finalize"),
    (untold, "tell", "deliver"),
    (untold, "poll", "tell"),
    (untold, "poll", "redrive"),
    (untold, "redrive", "tell"),
    (untold, "redrive", "poll"),
    (untold, "redrive", "redrive"),
    (untold, "deliver", "tell"),
    (running, "poll", "tell"),
    (nothing, "accept", "accept"),
    (nothing, "accept", "poll"),
    (nothing, "accept", "submit"),
    (nothing, "refuse", "poll"),
    (nothing, "refuse", "refuse"),
    (nothing, "refuse", "deliver"),
    (queued, "submit", "submit"),
    (queued, "submit", "poll"),
    (queued, "submit", "cancel"),
    (queued, "submit", "finalize"),
    (queued, "submit", "refuse"),
    (queued, "poll", "submit"),
    (queued, "cancel", "submit"),
    (queued, "cancel", "poll"),
    (running, "poll", "poll"),
    (running, "poll", "cancel"),
    (running, "poll", "finalize"),
    (running, "cancel", "finalize"),
    (over, "finalize", "finalize"),
    (over, "finalize", "poll"),
    (over, "finalize", "cancel"),
    (over, "poll", "finalize"),
    (over, "poll", "cancel"),
    (over, "cancel", "finalize"),
    (pending, "deliver", "deliver"),
    (pending, "deliver", "poll"),
    (pending, "poll", "deliver"),
    (pending, "deliver", "finalize"),
]


async def interleaved(world: World, first: UseCase, second: UseCase, at: int, *, after: bool) -> int:
    """Run the first use case, and the second one as a whole at its call `at`. Return its number of calls."""
    made = 0

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal made
        made += 1
        if made == at and not after:
            await attempt(second, world.ports)
        result = await call()
        if made == at and after:
            await attempt(second, world.ports)
        return result

    await attempt(first, intercepted(world.ports, around))
    return made


async def attempt(use_case: UseCase, ports: Ports) -> None:
    """Run a use case as a trigger does: an error of batchmgr may end it, and the trigger would try again."""
    with suppress(BatchmgrError):
        await use_case(ports)


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
        if first == "refuse" and second != "refuse":
            world.enqueue(BAD)  # if refusing was interrupted, its message comes again
        assert not any(job.value.claim for job in world.jobs.records.values())  # nobody has died
        await world.run_until_idle()
        check(world, first, second)
        if calls < at:
            break
        at += 1
    assert at > 2


def check(world: World, first: str, second: str) -> None:
    """Every job that has a record ended, once, and its caller was told."""
    assert world.jobs.active == set()
    if not world.jobs.records:
        return
    record = world.record()
    assert record.state.is_final
    assert record.claim is None
    assert record.outbox == ()
    if "refuse" in (first, second) and record.state is JobState.REJECTED:
        assert len(world.callbacks.received) == 1
        return
    assert_published_once(world)
    if record.webhooks:
        assert_settled(world)
    assert record.state is (JobState.CANCELLED if record.cancel_requested else JobState.SUCCEEDED)
    if world.batch.jobs:
        assert world.batch.jobs["job-1"].state == "completed"
