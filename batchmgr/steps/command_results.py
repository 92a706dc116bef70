"""The results of plain commands, which have no reporter: what their tasks have uploaded as `outputs.json`.

A task declares it as an output file for the job's own container. So the node has uploaded it before the task
ends, and it is there even if the node is gone. Each such task costs one call to storage, at the end of the
job; other tasks cost nothing.
"""

import asyncio
from collections.abc import Collection, Iterator
from itertools import islice

from batchmgr.model.job_record import MAX_TASK_RESULTS
from batchmgr.model.task_ends import TaskEnds
from batchmgr.model.task_progress import TaskResult
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports
from batchmgr.steps.read_node_files import read_outputs

AT_ONCE = 16


async def command_results(
    ports: Ports, plan: JobPlan, ends: TaskEnds, published: Collection[TaskResult] = ()
) -> tuple[TaskResult, ...]:
    """Return what commands have left as their results, in the plan's order.

    Together with those `published` by a workload's tasks, there are 100 at most: as many as an outcome shows.
    """
    uploaded = _uploaded(plan, ends, {one.task_id for one in published})
    # In a thread: the tasks may be many, and they are made or read while they are looked through.
    wanted = await asyncio.to_thread(list, islice(uploaded, max(0, MAX_TASK_RESULTS - len(published))))
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(task_id: str, path: str) -> TaskResult | None:
        async with gate:
            return await read_outputs(ports, plan.job_id, task_id, path)

    found = await asyncio.gather(*(read(task_id, path) for task_id, path in wanted))
    return tuple(one for one in found if one is not None)


def _uploaded(plan: JobPlan, ends: TaskEnds, published: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the task and the blob of each file that was uploaded if the command wrote it."""
    for task, file in plan.outputs_files:
        if task.id not in published and ends.may_have_left(task.id, file):
            yield task.id, file.blob_path
