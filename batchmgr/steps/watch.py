"""Watch a job that does not move: find out why, say so, and give it up if it can never end.

To look costs some calls, so the poller looks only at a job that has not moved for half a minute: then once a
minute while no task runs, and ever more rarely while tasks run.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from batchmgr.errors import ServiceError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot, TaskCounts, TaskSnapshot
from batchmgr.model.job_outcome import count_tasks, end_reason
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import JobError
from batchmgr.model.stall import Observation, Stall, can_work, find_stall, misfits, never_fits
from batchmgr.model.waiting_for import WaitingFor
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import terminate_own_job
from batchmgr.steps.deleted_tasks import deleted_tasks
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.outbox import commit
from batchmgr.steps.release_finalize_task import release_if_stuck
from batchmgr.wire.events import stall_event

logger = logging.getLogger(__name__)

QUIET = timedelta(seconds=30)
"""How long nothing must have moved before the first look. Azure Batch's counts may be as late as that."""

LOOK_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=10)
"""Between two looks while tasks run. The pause grows with the time in which nothing has moved."""


def next_look_at(record: JobRecord, *, is_running: bool) -> datetime:
    """Return when the next look is due. `is_running`: tasks of the job run, so it may be as it should."""
    looked_at, moved_at = record.watch.looked_at, record.updated_at
    quiet_at = moved_at + QUIET
    if looked_at is None:
        return quiet_at
    if looked_at < moved_at:  # what the job was waiting for may have come
        return moved_at if record.waiting_for is not None else quiet_at
    pause = max(LOOK_PAUSE, min((looked_at - moved_at) / 2, LONGEST_PAUSE)) if is_running else LOOK_PAUSE
    return max(quiet_at, looked_at + pause)


async def watch(ports: Ports, job: Versioned[JobRecord], counts: TaskCounts) -> Versioned[JobRecord]:
    """Look why a running job does not move, if a look is due. The job is given up if it can never end."""
    record, now = job.value, ports.clock.now()
    is_over = counts.completed >= record.run.total
    if is_over or now < next_look_at(record, is_running=counts.running > 0):
        return job
    return await _look(ports, job, counts)


async def watch_planning(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Look why a job's job manager task does not plan it, if a look is due."""
    if ports.clock.now() < next_look_at(job.value, is_running=False):
        return job
    try:
        tasks = [task async for task in ports.batch.list_tasks(job.value.job_id)]
    except ServiceNotFoundError:
        return job
    return await _look(ports, job, count_tasks(tasks))


async def _look(ports: Ports, job: Versioned[JobRecord], counts: TaskCounts) -> Versioned[JobRecord]:
    record, now = job.value, ports.clock.now()
    try:
        seen, tasks, plan = await _observe(ports, record, counts)
    except ServiceError as error:
        logger.warning("job %s does not move, and Azure Batch does not say why: %s", record.job_id, error)
        same = record.watched(now, record.waiting_for, is_running=counts.running > 0)
        return await commit(ports, job, same, [])
    stall = find_stall(seen)
    told = record.waiting_for
    watched = record.watched(now, _waiting_for(stall, told, now), is_running=counts.running > 0)
    why = watched.waiting_for
    is_news = told is None or why is None or told.code != why.code
    events = [stall_event(record.job_id, why)] if why is not None and is_news else []
    end = _why_give_up(ports, record, watched, stall)
    if end is not None:
        logger.error("job %s can't end by itself and is ended: %s", record.job_id, end.message)
        watched = watched.giving_up(now, end)
    job = await commit(ports, job, watched, events)
    if end is not None:
        await terminate_own_job(ports, record, end_reason(watched))
    elif seen.deleted and plan is not None and counts.running == 0:
        job = await release_if_stuck(ports, job, plan, tasks, seen.deleted)
    return job


def _waiting_for(stall: Stall | None, told: WaitingFor | None, now: datetime) -> WaitingFor | None:
    if stall is None:
        return None
    since = told.since if told is not None and told.code == stall.code else now
    return WaitingFor(code=stall.code, reason=stall.reason, advice=stall.advice, since=since)


def _why_give_up(ports: Ports, before: JobRecord, record: JobRecord, stall: Stall | None) -> JobError | None:
    """Return the error of a job that is to be ended; None for one that may still go on.

    What nothing can change must have been seen twice. Everything else counts against the job's stall limit.
    """
    since = record.watch.stalled_since
    if stall is None or since is None:
        return None
    if stall.is_final:
        told = before.waiting_for
        is_confirmed = told is not None and told.code == stall.code
        return JobError(code=stall.code, message=stall.reason) if is_confirmed else None
    limit = record.stall_limit or ports.stall_limit
    looked_at = record.watch.looked_at or since
    if limit is None or looked_at - since < limit:
        return None
    return JobError(code=stall.code, message=f"{stall.reason} This lasted longer than the limit of {limit}.")


async def _observe(
    ports: Ports, record: JobRecord, counts: TaskCounts
) -> tuple[Observation, Sequence[TaskSnapshot], JobPlan | None]:
    batch_job = await ports.batch.get_job(record.job_id)
    pool = await _pool(ports, batch_job)
    nodes = await _nodes(ports, pool)
    is_planned_on_node = record.submission.awaits_tasks
    is_large = pool is not None and never_fits(pool, record.run.slots, record.run.instances)
    is_short = _listed(counts) < record.run.total
    is_blocked = counts.running == 0 and counts.failed > 0
    plan = None
    tasks: Sequence[TaskSnapshot] = ()
    deleted: Sequence[str] = ()
    if is_planned_on_node or is_large or is_short or is_blocked:
        plan = await find_plan(ports, record)
        tasks = [task async for task in ports.batch.list_tasks(record.job_id)]
        deleted = await deleted_tasks(ports, record, plan, tasks)
    if is_planned_on_node and not tasks and plan is not None and plan.job_manager_task is not None:
        deleted = (plan.job_manager_task.id,)
    active = [task.task_id for task in tasks if task.state == "active"]
    large: Sequence[str] = ()
    if plan is not None and pool is not None:
        large = await asyncio.to_thread(misfits, plan, pool, active)
    seen = Observation(
        job=batch_job,
        pool=pool,
        nodes=nodes,
        unprepared=await _unprepared(ports, record, batch_job, nodes),
        deleted=deleted,
        misfits=large,
        has_no_plan=plan is None and (is_blocked or bool(deleted)) and bool(active),
        is_planned_on_node=is_planned_on_node,
    )
    return seen, tasks, plan


def _listed(counts: TaskCounts) -> int:
    return counts.active + counts.running + counts.completed


async def _pool(ports: Ports, batch_job: BatchJob) -> PoolSnapshot | None:
    if not batch_job.pool_id:
        return None
    try:
        return await ports.batch.get_pool(batch_job.pool_id)
    except ServiceNotFoundError as error:
        if error.code != "PoolNotFound":
            raise
        return None


async def _nodes(ports: Ports, pool: PoolSnapshot | None) -> Sequence[NodeSnapshot]:
    if pool is None:
        return ()
    return [node async for node in ports.batch.list_nodes(pool.pool_id)]


async def _unprepared(
    ports: Ports, record: JobRecord, batch_job: BatchJob, nodes: Sequence[NodeSnapshot]
) -> dict[str, str]:
    if not batch_job.needs_preparation or not any(map(can_work, nodes)):
        return {}
    return await ports.batch.failed_preparations(record.job_id)
