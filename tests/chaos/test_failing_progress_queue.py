"""A progress queue that fails at any moment, while processes are killed or overtake each other."""

from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import RecordChangedError, ServiceBusyError
from batchmgr.model.job_states import JobState
from tests.chaos.interception import intercepted
from tests.number_of_examples import examples
from tests.world import World, job_message, task


@given(st.lists(st.booleans(), max_size=40), st.sets(st.integers(0, 60), max_size=6))
@examples(150)
async def test_the_log_is_complete_the_job_ends_once_and_the_queue_catches_up(
    sends: list[bool], conflicts: set[int]
) -> None:
    world = World()
    fails = iter(sends)
    made = 0

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal made
        if name == "sink.send" and next(fails, False):
            raise ServiceBusyError("not now", code="Busy")
        if name == "jobs.save":
            made += 1
            if made in conflicts:
                raise RecordChangedError("somebody else was faster")
        return await call()

    ports = intercepted(world.ports, around)
    world.enqueue(job_message(task("a", "/bin/false"), task("b"), task("c")))
    for _ in range(100):
        await world.tick(ports)
        if not (world.jobs.active or world.incoming or world.queue.messages):
            break
    assert world.record().state is JobState.PARTIAL
    assert [int(event.sequence) for event in world.log()] == list(range(1, len(world.log()) + 1))
    assert len({event.id for event in world.log()}) == len(world.log())
    assert {event.id for event in world.sink.sent} == {event.id for event in world.log()}
    assert world.record().unsent is None
    assert len(world.callbacks.received) == 1
