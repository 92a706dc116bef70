"""A job that runs for three weeks, and changes every minute: nothing grows with it but its log."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import KIB, size_of
from batchmgr.usecases.accept import accept
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from tests.chaos.interception import intercepted
from tests.world import World, job_message, task

MINUTE = timedelta(minutes=1)
MINUTES = 21 * 24 * 60
TASKS = 10
"""One or two run at a time, for a minute, fail, and go to the end of the line, to be tried again."""

RECORD = 16 * KIB
"""What the record of such a job takes, at most."""


def next_task(world: World) -> str:
    """Start a task, and return its id."""
    started = world.batch.start_next_task("job-1")
    assert started is not None
    return started.id


@pytest.mark.thorough
async def test_a_job_of_three_weeks_that_changes_every_minute_has_each_event_once_and_a_small_record() -> (
    None
):
    world = World()
    calls: Counter[str] = Counter()

    async def count(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        calls[name] += 1
        return await call()

    ports = intercepted(world.ports, count)
    tasks = [msgspec.structs.replace(task(f"t{n}"), max_task_retry_count=-1) for n in range(TASKS)]
    await accept(ports, "job-1", job_message(*tasks))
    await submit(ports, "job-1")
    begun, largest = world.clock.now(), 0
    runs, running = Counter[str](), list[str]()
    for minute in range(MINUTES):
        for task_id in running:
            world.batch.record_exit("job-1", task_id, TaskExit.exited(1))
        running = [next_task(world) for _ in range(1 + minute % 2)]
        runs.update(running)
        await poll(ports)
        world.clock.advance(MINUTE)
        largest = max(largest, size_of(world.record()))
    assert world.clock.now() - begun == timedelta(days=21)
    assert largest <= RECORD
    assert calls["events.append"] <= 2 * MINUTES + TASKS
    assert calls["batch.list_tasks"] <= MINUTES + TASKS

    for task_id in running:
        world.batch.record_exit("job-1", task_id, TaskExit.exited(1))
    await world.run_until_idle()
    record = world.record()
    assert (record.state, record.error, record.outbox) == (JobState.SUCCEEDED, None, ())
    assert len(world.callbacks.received) == 1
    assert size_of(record) <= RECORD
    log = world.log()
    assert [int(event.sequence) for event in log] == list(range(1, len(log) + 1))
    assert {event.id for event in world.sink.sent} == {event.id for event in log}
    ids = Counter(event.id for event in log)
    assert set(ids.values()) == {1}
    for name, count_of_runs in runs.items():
        of_task = f"jobs/job-1/tasks/{name}/task"
        assert [run for run in range(count_of_runs) if f"{of_task}.running/{run}" not in ids] == []
        assert [run for run in range(1, count_of_runs + 1) if f"{of_task}.retried/{run}" not in ids] == []
        assert ids[f"{of_task}.succeeded/{count_of_runs}"] == 1
