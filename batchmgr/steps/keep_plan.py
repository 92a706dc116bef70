"""Keeps the plan of a job with the job, so that nothing runs the code that planned it again.

A workload's `create_job` runs once, when the job is accepted. Its plan is stored then, and every later step
reads it: the workload may change, and it need not make the same plan twice. If two processes plan one job at
the same time, both use the plan that was stored first.

A plan that batchmgr makes by itself, of the tasks or the taskFactory of a message, is made again instead. The
plan of a rerun is kept: it has tasks of another job's plan.
"""

import asyncio
import logging
from array import array
from functools import partial
from tempfile import TemporaryFile

from batchmgr.errors import InvalidJobError
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports
from batchmgr.steps.claim import ClaimedJob
from batchmgr.steps.expand_factory import expand, expand_kept
from batchmgr.steps.kept_tasks import KeptTasks, index_lines
from batchmgr.steps.plan_job import plan, plan_unchecked
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.kept_plan import decode_plan, encode_rest
from batchmgr.wire.task_message import JobTasks

logger = logging.getLogger(__name__)


async def keep_plan(ports: Ports, job_id: str, job_plan: JobPlan) -> bool:
    """Store a plan unless one is stored for this job. Return whether it is the one that is stored now.

    Nothing is stored of a plan that is made again.
    """
    tasks = job_plan.tasks
    if not isinstance(tasks, KeptTasks):
        return False
    await asyncio.to_thread(_write_rest, tasks, job_plan)
    return await ports.jobs.save_plan(job_id, tasks.file)


async def load_plan(ports: Ports, job_id: str, traceparent: str) -> JobPlan | None:
    """Return the plan that was kept, or None."""
    file, ends = TemporaryFile(), array("Q")  # noqa: SIM115 - the tasks close it
    tasks = KeptTasks(file, ends)
    if not await ports.jobs.load_plan(job_id, file):
        return None
    ends.extend(await asyncio.to_thread(index_lines, file))
    last = ends.pop()
    file.seek(tasks.size)
    return decode_plan(file.read(last - tasks.size), tasks, traceparent)


async def plan_to_submit(ports: Ports, mine: ClaimedJob, message: JobMessage) -> JobPlan:
    """Return the plan of a job that is being submitted: the kept one, or a new one that is kept from now on.

    Raise InvalidJobError if it can't be planned.
    """
    record = mine.record
    if not message.workload and message.rerun_of is None:
        factory = message.task_factory
        tasks = await expand(ports, mine, factory) if factory is not None else None
        return await plan(ports, record.job_id, message, record.pool_id, tasks)
    kept = await load_plan(ports, record.job_id, record.traceparent)
    if kept is not None:
        return kept
    if message.rerun_of is not None:
        raise InvalidJobError("the plan of this rerun is not in storage: run the job again")
    return await plan_and_keep(ports, record, message)


async def plan_and_keep(
    ports: Ports, record: JobRecord, message: JobMessage, known_tasks: JobTasks | None = None
) -> JobPlan:
    """Return the plan of a workload's job, after it was stored. `known_tasks` are those that a node planned.

    Raise InvalidJobError if it can't be planned.
    """
    job_plan = await plan(ports, record.job_id, message, record.pool_id, known_tasks=known_tasks)
    if job_plan.awaits_tasks or await keep_plan(ports, record.job_id, job_plan):
        return job_plan
    return await load_plan(ports, record.job_id, record.traceparent) or job_plan


async def find_plan(ports: Ports, record: JobRecord) -> JobPlan | None:
    """Return the plan with which a job was submitted; None if it has none. No workload's code runs."""
    message = await ports.jobs.load_request(record.job_id)
    if message.workload or message.rerun_of is not None:
        kept = await load_plan(ports, record.job_id, record.traceparent)
        if kept is not None or message.job_manager_task is None:
            return kept
    tasks = None
    if message.task_factory is not None:
        tasks = await expand_kept(ports, record.job_id, message.task_factory)
        if tasks is None:
            return None
    try:
        return await asyncio.to_thread(
            partial(
                plan_unchecked,
                record.job_id,
                message,
                workloads=ports.workloads,
                default_pool_id=record.pool_id,
                factory_tasks=tasks,
                keep_streams=ports.keep_streams,
            )
        )
    except InvalidJobError as error:  # another version of batchmgr has planned it
        logger.error("job %s can no longer be planned: %s", record.job_id, error)
        return None


def _write_rest(tasks: KeptTasks, job_plan: JobPlan) -> None:
    """Write the last line behind the tasks, and go to the beginning of the file."""
    tasks.file.seek(tasks.size)
    tasks.file.truncate()
    tasks.file.write(encode_rest(job_plan) + b"\n")
    tasks.file.flush()
    tasks.file.seek(0)
