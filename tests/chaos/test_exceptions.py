"""Exceptions that nobody expects, at any call: the job still ends, once, and its caller is told."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import ServiceAccessError, ServiceBusyError, ServiceNotFoundError
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.usecases.poll import poll
from tests.chaos.interception import intercepted
from tests.number_of_examples import examples
from tests.world import World, job_message, task

ERRORS: list[Exception] = [
    KeyError("a bug"),
    ExceptionGroup("several", [ServiceBusyError("busy"), ValueError("a bug")]),
    ServiceBusyError("answered 404 without a code", status=404),
    ServiceAccessError("no role", code="Forbidden", status=403),
    ServiceNotFoundError("no such job", code="JobNotFound", status=404),
]


class Unreliable:
    """Ports whose calls raise these errors, each at the call of its number. A call takes a millisecond."""

    def __init__(self, world: World, faults: dict[int, Exception]) -> None:
        self.made = 0
        self._clock = world.clock
        self._faults = faults
        self.ports = intercepted(world.ports, self._call)

    async def _call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        self.made += 1
        self._clock.advance(timedelta(milliseconds=1))
        if self.made in self._faults and not (name.startswith("jobs.") and self._is_missing()):
            raise self._faults[self.made].with_traceback(None)
        return await call()

    def _is_missing(self) -> bool:
        """Return whether the error is one of Azure Batch, which storage does not raise."""
        return isinstance(self._faults[self.made], ServiceNotFoundError)


async def drive(world: World, ports: Ports) -> None:
    """Let an hour pass, or less if the job ends. A message that raises five times is lost, as in the host."""
    attempts = 0
    for _ in range(120):
        try:
            await world.tick(ports)
        except Exception:
            attempts += 1
            if attempts == 5:
                world.incoming.clear()
        with suppress(Exception):
            await poll(ports)
        await world.deliveries.finish()
        if not (world.jobs.active or world.incoming):
            return
        world.clock.advance(timedelta(seconds=29))


@given(faults=st.dictionaries(st.integers(1, 120), st.sampled_from(ERRORS), max_size=30))
@examples(200)
async def test_a_job_survives_exceptions_that_pass(faults: dict[int, Exception]) -> None:
    world = World()
    world.may_fail = True
    world.enqueue(job_message(task("a"), task("b", "/bin/true", "a")))
    unreliable = Unreliable(world, faults)
    await drive(world, unreliable.ports)
    assert world.record().state is JobState.SUCCEEDED
    assert world.batch.created == ["job-1"]
    assert {webhook_id for _, _, webhook_id in world.callbacks.received} == {"msg_job-1"}
    assert [body.status_code for _, body, _ in world.callbacks.received][-1] == "200"
    ids = [event.id for event in world.log()]
    assert len(ids) == len(set(ids))


@given(
    start=st.integers(1, 80),
    error=st.sampled_from([KeyError("x"), ExceptionGroup("g", [ValueError("y")])]),
    port=st.sampled_from(["batch", "files", "storage", "finalize", "events", "sink", "queue"]),
)
@examples(60)
async def test_a_job_ends_although_a_part_raises_for_ever(start: int, error: Exception, port: str) -> None:
    world = World()
    world.may_fail = True
    made = 0

    async def call(name: str, real: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal made
        made += 1
        if made >= start and name.startswith(f"{port}."):
            raise error.with_traceback(None)  # else it grows with each time, and the log with it
        return await real()

    ports = intercepted(world.ports, call)
    world.enqueue(job_message(task("a", "/bin/false"), task("b", "/bin/true", "a")))
    await drive(world, ports)
    assert world.record().state in {JobState.FAILED, JobState.PARTIAL}
    assert world.jobs.active == set()
    assert len(world.callbacks.received) == 1
