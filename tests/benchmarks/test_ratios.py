"""What a task costs batchmgr beside another way to do the same work, in calls of functions: no clock is read.

`make bench` measures times and memory: `docs/performance.md` has its numbers. What an idle job costs a
poll is counted by `tests/usecases/test_shared_polls.py`, and the import by `tests/functions/test_import.py`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.scale.routes import run_batchmgr, run_create_tasks
from benchmarks.scale.services import stub_batch
from tests.counted_calls import counted_calls

FEW, MANY = 100, 600
MOST = 0.15
"""Of the calls of `create_tasks`. A task took 93 of 1,373 calls when this was written, a fifteenth."""


def test_a_task_costs_a_fraction_of_the_calls_of_create_tasks(connection_string: str) -> None:
    with stub_batch(0) as url:
        own = calls_a_task(lambda tasks: run_batchmgr(url, tasks, connection_string))
        other = calls_a_task(lambda tasks: run_create_tasks(url, tasks))
    assert own < MOST * other


def calls_a_task(work: Callable[[int], Coroutine[Any, Any, object]]) -> float:
    """Return how many functions each further task calls."""
    calls = []
    for tasks in (FEW, FEW, MANY):  # the first imports what it needs
        with counted_calls() as counted:
            asyncio.run(work(tasks))
        calls.append(counted.number)
    return (calls[2] - calls[1]) / (MANY - FEW)
